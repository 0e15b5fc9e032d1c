#include "matlora/model/adapter_io.h"

#include "matlora/base/error.h"
#include "matlora/base/output.h"
#include "matlora/model/adapters/format.h"
#include "matlora/model/adapters/native.h"
#include "matlora/model/adapters/peft.h"

namespace matlora::model {

namespace fs = std::filesystem;

LoadedAdapter load_adapter(const fs::path& path, at::Device device) {
  if (!fs::exists(path)) fail(path.string(), "no such adapter directory");
  finish_commit(path);
  return read_adapter(path, device, adapter_formats());
}

void save_adapter(const fs::path& directory, const adapter::Adapter& adapter,
                  const AdapterInfo& info) {
  write_native(directory, adapter, info);
}

void save_slice(const fs::path& directory, const adapter::Adapter& adapter, int64_t k,
                adapter::InferenceGate gate, const AdapterInfo& info) {
  write_peft_slice(directory, adapter, k, gate, info);
}

}  // namespace matlora::model

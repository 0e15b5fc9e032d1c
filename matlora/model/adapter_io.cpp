#include "matlora/model/adapter_io.h"

#include "matlora/base/error.h"
#include "matlora/base/output.h"
#include "matlora/model/adapters/format.h"
#include "matlora/model/adapters/native.h"
#include "matlora/model/adapters/peft_writer.h"
#include "matlora/model/export.h"

namespace matlora::model {

namespace fs = std::filesystem;

LoadedAdapter load_adapter(const fs::path& path, at::Device device) {
  if (!fs::exists(path)) fail(path.string(), "no such adapter directory");
  finish_commit(path);
  return read_adapter(path, device, adapter_formats());
}

LoadedAdapter map_adapter(const fs::path& path) {
  if (!fs::exists(path)) fail(path.string(), "no such adapter directory");
  finish_commit(path);
  return read_adapter(path, at::kCPU, adapter_formats(), Matrices::mapped);
}

void save_adapter(const fs::path& directory, const adapter::Adapter& adapter,
                  const AdapterInfo& info) {
  write_native(directory, adapter, info);
}

void save_slice(const fs::path& directory, const adapter::Adapter& adapter, int64_t k,
                adapter::InferenceGate gate, const AdapterInfo& info) {
  if (k < 1 || k > adapter.rule.rank) {
    fail_field("rank", "expected 1..", adapter.rule.rank, ", got ", k);
  }
  write_peft_slice(directory, adapter, info, {.plan = {k}, .gate = gate});
}

void export_peft(const fs::path& directory, const adapter::Adapter& adapter,
                 const AdapterInfo& info, const ExportOptions& options) {
  write_peft_slice(directory, adapter, info, options);
}

}  // namespace matlora::model

#include "matlora/model/adapter_io.h"

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/base/output.h"
#include "matlora/model/adapters/format.h"
#include "matlora/model/adapters/native.h"
#include "matlora/model/adapters/peft_writer.h"
#include "matlora/model/export.h"
#include "matlora/model/families/family.h"
#include "matlora/model/load.h"

namespace matlora::model {

namespace fs = std::filesystem;

namespace {

LoadedAdapter read(const fs::path& path, at::Device device,
                   Matrices matrices = Matrices::in_memory) {
  if (!fs::exists(path)) fail(path.string(), "no such adapter directory");
  finish_commit(path);
  return read_adapter(path, device, adapter_formats(), matrices);
}

/// Throws unless the adapter's GGUF architecture can be the base's. A family without one of its own
/// (mistral is a llama there) is known by names and shapes only.
void check_architecture(const LoadedAdapter& loaded, const Family& family,
                        const std::string& where) {
  const auto& own = family.gguf_architectures;
  if (own.empty() || std::find(own.begin(), own.end(), loaded.architecture) != own.end()) return;
  fail(where, "the adapter is for the architecture ", loaded.architecture, ", the base model is ",
       own.front());
}

/// The rows of B as transformers has them.
void settle_rows(LoadedAdapter& loaded, const fs::path& base, const std::string& where) {
  const Configuration config = read_configuration(base);
  check_architecture(loaded, *config.family, where);
  if (!loaded.rows) return;
  for (adapter::LayerAdapter& layer : loaded.adapter.layers) {
    const std::string module = adapter::module_name(layer.layer);
    const bool is_q = module == "q_proj", is_k = module == "k_proj";
    const int64_t heads = is_q ? config.of.num_heads : config.of.num_kv_heads;
    if ((is_q || is_k) && layer.b.size(0) % (2 * heads) != 0) {
      fail(where, printable(layer.layer, 120), ": expected rows for ", heads, " heads, got ",
           layer.b.size(0), "; was the adapter trained on another base model?");
    }
    layer.b = loaded.rows(layer.layer + ".weight", layer.b, config.of);
  }
  loaded.rows = nullptr;
}

LoadedAdapter settled(LoadedAdapter loaded, const fs::path& path, const fs::path& base) {
  if (!base.empty() && !loaded.architecture.empty()) settle_rows(loaded, base, path.string());
  if (loaded.rows) {
    fail_field("model", path.string(), " has rows in GGUF's order and does not say of how many ",
               "heads; expected the base model, which does");
  }
  return loaded;
}

}  // namespace

LoadedAdapter load_adapter(const fs::path& path, at::Device device, const fs::path& base) {
  return settled(read(path, device), path, base);
}

LoadedAdapter map_adapter(const fs::path& path, const fs::path& base) {
  return settled(read(path, at::Device(at::kCPU), Matrices::mapped), path, base);
}

LoadedAdapter peek_adapter(const fs::path& path) { return read(path, at::Device(at::kCPU)); }

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

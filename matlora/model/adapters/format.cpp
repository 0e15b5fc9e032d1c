#include "matlora/model/adapters/format.h"

#include <algorithm>
#include <array>

#include "matlora/base/error.h"
#include "matlora/format/path_kind.h"
#include "matlora/model/adapters/gguf.h"
#include "matlora/model/adapters/native.h"
#include "matlora/model/adapters/peft.h"
#include "matlora/model/adapters/reference.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;

// Every native directory is one of PEFT's too: matlora.json decides.
constexpr std::array kFormats = {
    AdapterFormat{"matlora", is_native, read_native, map_native},
    AdapterFormat{"peft", is_peft, read_peft, map_peft},
    AdapterFormat{"gguf", is_gguf_adapter, read_gguf_adapter},
    AdapterFormat{"reference", is_reference, read_reference},
};

/// What is there in place of an adapter.
[[noreturn]] void fail_not_an_adapter(const fs::path& path) {
  const bool folder = fs::is_directory(path);
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const bool inside = !folder && fs::exists(parent / "adapter_config.json");
  if (!folder && !inside) format::refuse_pickled_weights(path);
  fail(path.string(), "not an adapter: ", folder ? "no adapter_config.json in it; " : "",
       "expected an adapter directory, got ", format::what_is(path),
       inside ? "; give its directory " + parent.string() : "");
}

/// The head and the embedding, by the names that every format's layers have here.
void refuse_head_and_embedding(const adapter::Adapter& adapter, const std::string& where) {
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    const std::string module = adapter::module_name(layer.layer);
    if (module != "lm_head" && module != "embed_tokens") continue;
    fail(where, "the adapter has LoRA on '", printable(layer.layer, 120),
         "', which is not supported: matlora adapts the linear layers of the blocks; train ",
         "without ", module, " in target_modules");
  }
}

}  // namespace

std::span<const AdapterFormat> adapter_formats() { return kFormats; }

LoadedAdapter read_adapter(const fs::path& path, at::Device device,
                           std::span<const AdapterFormat> formats, Matrices matrices) {
  const auto format = std::find_if(formats.begin(), formats.end(),
                                   [&](const AdapterFormat& one) { return one.is(path); });
  if (format == formats.end()) fail_not_an_adapter(path);
  const bool mapped = matrices == Matrices::mapped && format->map != nullptr;
  LoadedAdapter loaded = mapped ? format->map(path) : format->read(path, device);
  refuse_head_and_embedding(loaded.adapter, path.string());
  loaded.format = format->name;
  return loaded;
}

}  // namespace matlora::model

#include "matlora/model/adapter_for.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "matlora/adapter/attach.h"

namespace matlora::model {

bool check_base(const AdapterInfo& info, const Model& base, const std::string& where) {
  const std::string& digest = info.base_digest;
  if (digest.empty() || digest == base.digest) return true;
  if (digest.size() != base.digest.size()) return false;
  fail(where, "the adapter was trained on another base: expected the model ", digest, " (",
       printable(info.base_model), "), got ", base.digest, " (", base.path.string(), "); ",
       Field{"any_base"}, " uses it all the same");
}

void check_does_something(const adapter::Adapter& adapter, const std::string& where) {
  const bool nothing = std::all_of(adapter.layers.begin(), adapter.layers.end(),
                                   [](const adapter::LayerAdapter& layer) {
                                     return layer.b.count_nonzero().item<int64_t>() == 0 ||
                                            layer.a.count_nonzero().item<int64_t>() == 0;
                                   });
  if (!nothing) return;
  fail(where, "the adapter changes nothing: ",
       adapter.layers.empty() ? "it has no layers" : "B is zero in every layer",
       "; was it saved before it was trained?");
}

LoadedAdapter load_adapter_for(const std::filesystem::path& directory, Model& base) {
  LoadedAdapter loaded = load_adapter(directory, base.decoder.device(), base.path);
  adapter::check_fits(base.decoder, loaded.adapter, directory.string());
  check_base(loaded.info, base, directory.string());
  check_does_something(loaded.adapter, directory.string());
  return loaded;
}

}  // namespace matlora::model

#include "matlora/model/adapter_for.h"

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

LoadedAdapter load_adapter_for(const std::filesystem::path& directory, Model& base) {
  LoadedAdapter loaded = load_adapter(directory, base.decoder.device());
  adapter::check_fits(base.decoder, loaded.adapter, directory.string());
  check_base(loaded.info, base, directory.string());
  return loaded;
}

}  // namespace matlora::model

#include "matlora/text/metaspace.h"

#include <map>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/load/stage.h"

namespace matlora::text {

Metaspace Metaspace::read(const JsonObject& part) {
  static const std::map<std::string, Prepend> kSchemes = {
      {"always", Prepend::kAlways}, {"first", Prepend::kFirst}, {"never", Prepend::kNever}};
  const bool prefixed = part.boolean_or("add_prefix_space", true);
  const std::string scheme = part.string_or("prepend_scheme", prefixed ? "always" : "never");
  const auto found = kSchemes.find(scheme);
  if (found == kSchemes.end()) {
    fail(part.where(), "'prepend_scheme': expected always, first or never, got '",
         printable(scheme), "'");
  }
  if (!prefixed && found->second != Prepend::kNever) {
    fail(part.where(), "'add_prefix_space' is false, but 'prepend_scheme' is '", scheme, "'");
  }
  return {one_character(part, "replacement"), found->second, part.boolean_or("split", true)};
}

}  // namespace matlora::text

#include "matlora/text/load/stage.h"

namespace matlora::text {

const Json& array_of(const JsonObject& part, const std::string& key) {
  const Json* value = part.find(key);
  if (value == nullptr || !value->is_array()) fail(part.where(), "'", key, "': expected an array");
  return *value;
}

void fail_unknown_type(const JsonObject& part, const std::string& known) {
  fail(part.where(), "expected ", known, ", got '", printable(part.string("type")), "'");
}

}  // namespace matlora::text

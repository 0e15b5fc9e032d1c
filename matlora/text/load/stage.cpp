#include "matlora/text/load/stage.h"

#include "matlora/base/utf8.h"

namespace matlora::text {

const Json& array_of(const JsonObject& part, const std::string& key) {
  const Json* value = part.find(key);
  if (value == nullptr || !value->is_array()) fail(part.where(), "'", key, "': expected an array");
  return *value;
}

std::string one_character(const JsonObject& part, const std::string& key) {
  const std::string text = part.string(key);
  if (text.empty() || utf8_sequence_length(text) != text.size()) {
    fail(part.where(), "'", key, "': expected one character, got '", printable(text), "'");
  }
  return text;
}

void fail_unknown_type(const JsonObject& part, const std::string& known) {
  fail(part.where(), "expected ", known, ", got '", printable(part.string("type")), "'");
}

}  // namespace matlora::text

#include "matlora/tasks/template.h"

#include "matlora/base/error.h"

namespace matlora::tasks {
namespace {

[[noreturn]] void fail_brace(const std::string& where, const std::string& text, size_t at) {
  fail(where, "expected {field}, {{ or }}, got '", printable(text.substr(at), 40), "'");
}

}  // namespace

Template::Template(const std::string& text, std::string where)
    : parts_(1), where_(std::move(where)) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      parts_.back().text += c;
    } else if (i + 1 < text.size() && text[i + 1] == c) {
      parts_.back().text += c;
      ++i;
    } else {
      const size_t open = i;
      i = text.find_first_of("{}", open + 1);
      if (c == '}' || i == std::string::npos || text[i] == '{' || i == open + 1) {
        fail_brace(where_, text, open);
      }
      parts_.back().field = text.substr(open + 1, i - open - 1);
      parts_.emplace_back();
    }
  }
}

const Json& Template::value(const JsonObject& record, const std::string& field) const {
  if (const Json* found = record.find(field)) return *found;
  if (record.value().contains(field)) {
    fail(record.where(), "'", printable(field), "': expected a value, got null; ", where_, " has {",
         printable(field), "}");
  }
  std::vector<std::string> fields;
  for (const auto& item : record.value().items()) fields.push_back(item.key());
  fail(record.where(), "'", printable(field), "' is missing; ", where_, " has {", printable(field),
       "}", did_you_mean(field, fields));
}

std::string Template::fill(const JsonObject& record) const {
  std::string result;
  for (const Part& part : parts_) {
    result += part.text;
    if (part.field.empty()) continue;
    const Json& found = value(record, part.field);
    if (found.is_structured()) {
      fail(record.where(), "'", printable(part.field), "': expected a string or a number, got ",
           found.is_array() ? "a list" : "an object", "; ", where_, " has it in a text");
    }
    result += found.is_string() ? found.get<std::string>() : found.dump();
  }
  return result;
}

std::vector<std::string> Template::list(const JsonObject& record) const {
  check(is_field(), "template: not a field alone");
  value(record, parts_[0].field);
  return record.strings(parts_[0].field);
}

bool Template::is_field() const {
  return parts_.size() == 2 && parts_[0].text.empty() && parts_[1].text.empty();
}

}  // namespace matlora::tasks

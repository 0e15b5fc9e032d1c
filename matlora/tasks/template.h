// Texts with a record's fields in them: "Question: {question}\nAnswer:". {{ and }} are braces.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "matlora/base/json.h"

namespace matlora::tasks {

class Template {
 public:
  /// Throws UserError at `where` (the template's file and key) for a brace that neither belongs to
  /// a field nor is doubled, and for a field without a name.
  Template(const std::string& text, std::string where);

  /// The text with each {field} replaced by the record's: a string as it is, a number, true and
  /// false as JSON writes them. Throws UserError at the record's FILE:LINE for a field that is
  /// missing or something else.
  std::string fill(const JsonObject& record) const;

  /// The list of strings in the one field that the template consists of. Throws UserError at the
  /// record's FILE:LINE when it is missing or something else. REQUIRES: is_field().
  std::vector<std::string> list(const JsonObject& record) const;

  bool is_field() const;  ///< {field} and nothing else

 private:
  const Json& value(const JsonObject& record, const std::string& field) const;

  struct Part {
    std::string text;   // what is before the field
    std::string field;  // empty: none follows
  };
  std::vector<Part> parts_;
  std::string where_;
};

}  // namespace matlora::tasks

// Reading JSON that somebody else wrote: every access says where it failed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "matlora/base/error.h"

namespace matlora {

using Json = nlohmann::json;

/// Parses one JSON text (UTF-8). Throws UserError at `where` with line and column when it is not
/// JSON (a NUL byte is not: RFC 8259, section 2), nests deeper than 64 levels, or repeats a key
/// within one object. Takes time in proportion to the text, up to the logarithm of an object's
/// size.
Json parse_json(std::string_view text, const std::string& where);

/// parse_json of a file.
Json read_json(const std::filesystem::path& path);

/// One object with the place it came from. A key that is absent or null gives the fallback (or, for
/// the calls without one, UserError `where: 'key' is missing`); a value of the wrong type or out
/// of range throws UserError `where: 'key': expected .., got ..`.
class JsonObject {
 public:
  /// Throws UserError when `value` is not an object. Keeps a reference to `value`.
  JsonObject(const Json& value, std::string where);

  const Json* find(const std::string& key) const;  ///< null when absent or JSON null
  int64_t integer(const std::string& key, int64_t lowest, int64_t highest) const;
  int64_t integer_or(const std::string& key, int64_t fallback, int64_t lowest,
                     int64_t highest) const;
  double number(const std::string& key) const;  ///< finite
  double number_or(const std::string& key, double fallback) const;
  std::string string(const std::string& key) const;
  std::string string_or(const std::string& key, const std::string& fallback) const;
  bool boolean_or(const std::string& key, bool fallback) const;
  std::vector<int64_t> integers(const std::string& key, int64_t lowest, int64_t highest) const;
  std::vector<std::string> strings(const std::string& key) const;
  JsonObject object(const std::string& key) const;

  const std::string& where() const { return where_; }
  const Json& value() const { return *value_; }

 private:
  const Json& require(const std::string& key) const;
  [[noreturn]] void fail_type(const std::string& key, const std::string& expected,
                              const Json& got) const;

  const Json* value_;
  std::string where_;
};

/// Checks "format_version" of a file that matlora wrote. Throws UserError unless it is an integer
/// in 1..newest, saying of a larger one that a newer matlora wrote it; absent is an error too.
void check_format_version(const JsonObject& file, int64_t newest);

/// `value` as text with two spaces of indentation and sorted keys, the form PEFT writes. Bytes that
/// are not UTF-8 (of a path, say) become U+FFFD.
std::string pretty(const Json& value);

}  // namespace matlora

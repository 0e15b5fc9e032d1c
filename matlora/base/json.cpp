#include "matlora/base/json.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "matlora/base/error.h"
#include "matlora/base/file.h"

namespace matlora {
namespace {

constexpr int kMaxDepth = 64;

/// What a message shows of a value.
std::string brief(const Json& value) {
  return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 40);
}

/// The library's message without its name of the error.
std::string library_words(const Json::exception& error) {
  std::string message = error.what();  // "[json.exception.out_of_range.406] number overflow .."
  const size_t bracket = message.find("] ");
  if (bracket != std::string::npos) message.erase(0, bracket + 2);
  return message;
}

/// One place, as the caller counts lines: `where`, behind it the line of a text that has several,
/// and the column.
[[noreturn]] void fail_syntax(std::string_view text, const Json::parse_error& error,
                              const std::string& where) {
  std::string message = library_words(error);  // "parse error at line 1, column 5: syntax error .."
  const size_t colon = message.find(": ");
  if (colon != std::string::npos) message.erase(0, colon + 2);
  const std::string_view before = text.substr(0, error.byte > 0 ? error.byte - 1 : 0);
  const bool single = text.substr(0, text.find_last_not_of(" \t\r\n") + 1).find('\n') == text.npos;
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  fail(single ? where : cat(where, ":", line), "not valid JSON at column ", column, ": ",
       printable(message, 200));
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMaxDepth) fail(where, "JSON nests deeper than ", kMaxDepth, " levels");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second) {
      fail(where, "key ", brief(parsed), " appears twice in one JSON object");
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::parse_error& error) {
    fail_syntax(text, error, where);
  } catch (const Json::exception& error) {  // out_of_range for 1e999
    fail(where, "not valid JSON: ", printable(library_words(error), 200));
  }
}

Json read_json(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

JsonObject::JsonObject(const Json& value, std::string where)
    : value_(&value), where_(std::move(where)) {
  if (!value.is_object()) fail(where_, "expected a JSON object, got ", brief(value));
}

const Json* JsonObject::find(const std::string& key) const {
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

const Json& JsonObject::require(const std::string& key) const {
  const Json* value = find(key);
  if (!value) fail(where_, "'", key, "' is missing");
  return *value;
}

void JsonObject::fail_type(const std::string& key, const std::string& expected,
                           const Json& got) const {
  fail(where_, "'", key, "': expected ", expected, ", got ", brief(got));
}

int64_t JsonObject::integer(const std::string& key, int64_t lowest, int64_t highest) const {
  const Json& value = require(key);
  const bool fits = value.is_number_unsigned()
                        ? value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX)
                        : value.is_number_integer();
  if (!fits || value.get<int64_t>() < lowest || value.get<int64_t>() > highest) {
    fail_type(key, cat("an integer in ", lowest, "..", highest), value);
  }
  return value.get<int64_t>();
}

int64_t JsonObject::integer_or(const std::string& key, int64_t fallback, int64_t lowest,
                               int64_t highest) const {
  return find(key) ? integer(key, lowest, highest) : fallback;
}

double JsonObject::number(const std::string& key) const {
  const Json& value = require(key);
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    fail_type(key, "a number", value);
  }
  return value.get<double>();
}

double JsonObject::number_or(const std::string& key, double fallback) const {
  return find(key) ? number(key) : fallback;
}

std::string JsonObject::string(const std::string& key) const {
  const Json& value = require(key);
  if (!value.is_string()) fail_type(key, "a string", value);
  return value.get<std::string>();
}

std::string JsonObject::string_or(const std::string& key, const std::string& fallback) const {
  return find(key) ? string(key) : fallback;
}

bool JsonObject::boolean_or(const std::string& key, bool fallback) const {
  const Json* value = find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) fail_type(key, "true or false", *value);
  return value->get<bool>();
}

std::vector<int64_t> JsonObject::integers(const std::string& key, int64_t lowest,
                                          int64_t highest) const {
  const Json& value = require(key);
  if (!value.is_array()) fail_type(key, "a list of integers", value);
  std::vector<int64_t> result;
  for (const Json& item : value) {
    const Json wrapped{{key, item}};
    result.push_back(JsonObject(wrapped, where_).integer(key, lowest, highest));
  }
  return result;
}

std::vector<std::string> JsonObject::strings(const std::string& key) const {
  const Json& value = require(key);
  if (!value.is_array()) fail_type(key, "a list of strings", value);
  std::vector<std::string> result;
  for (const Json& item : value) {
    if (!item.is_string()) fail_type(key, "a list of strings", item);
    result.push_back(item.get<std::string>());
  }
  return result;
}

JsonObject JsonObject::object(const std::string& key) const {
  const Json& value = require(key);
  if (!value.is_object()) fail_type(key, "an object", value);
  return {value, where_};
}

std::string pretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace matlora

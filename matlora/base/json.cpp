#include "matlora/base/json.h"

#include <cmath>

#include "matlora/base/error.h"

namespace matlora {
namespace {

/// What a message shows of a value.
std::string brief(const Json& value) {
  return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 40);
}

}  // namespace

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

void check_format_version(const JsonObject& file, int64_t newest) {
  const int64_t version = file.integer("format_version", 1, INT64_MAX);
  if (version <= newest) return;
  fail(file.where(), "'format_version': expected ", newest > 1 ? "at most " : "", newest, ", got ",
       version, "; a newer matlora wrote it");
}

std::string pretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace matlora

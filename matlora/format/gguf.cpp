// Typed access to what gguf_parse.cpp read.
#include "matlora/format/gguf.h"

#include <cmath>
#include <type_traits>

#include "matlora/base/error.h"

namespace matlora::format {
namespace {

/// What a message says of a value.
std::string describe(const GgufValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::string>)
          return cat("'", printable(held, 40), "'");
        else if constexpr (std::is_same_v<T, bool>)
          return held ? "true" : "false";
        else if constexpr (std::is_arithmetic_v<T>)
          return cat(held);
        else
          return cat("an array of ", held.size(), " values");
      },
      value);
}

[[noreturn]] void fail_type(const Gguf& file, const std::string& key, const std::string& expected,
                            const GgufValue& got) {
  fail(file.file()->path().string(), "'", key, "': expected ", expected, ", got ", describe(got));
}

const GgufValue& require(const Gguf& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) {
    fail(file.file()->path().string(), "'", key, "' is missing from the metadata");
  }
  return found->second;
}

template <class T>
const T& require_as(const Gguf& file, const std::string& key, const char* expected) {
  const GgufValue& value = require(file, key);
  const T* held = std::get_if<T>(&value);
  if (!held) fail_type(file, key, expected, value);
  return *held;
}

}  // namespace

int64_t GgufTensor::items() const {
  int64_t product = 1;  // cannot overflow: checked when the file was read
  for (const int64_t dimension : shape) product *= dimension;
  return product;
}

const GgufTensor* Gguf::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

int64_t Gguf::integer(const std::string& key, int64_t lowest, int64_t highest) const {
  const GgufValue& value = require(*this, key);
  int64_t result = 0;
  bool fits = false;
  if (const auto* held = std::get_if<int64_t>(&value)) {
    result = *held;
    fits = true;
  } else if (const auto* large = std::get_if<uint64_t>(&value)) {
    result = static_cast<int64_t>(*large);
    fits = *large <= static_cast<uint64_t>(INT64_MAX);
  }
  if (!fits || result < lowest || result > highest) {
    fail_type(*this, key, cat("an integer in ", lowest, "..", highest), value);
  }
  return result;
}

int64_t Gguf::integer_or(const std::string& key, int64_t fallback, int64_t lowest,
                         int64_t highest) const {
  return has(key) ? integer(key, lowest, highest) : fallback;
}

double Gguf::number(const std::string& key) const {
  const double value = require_as<double>(*this, key, "a floating-point number");
  if (!std::isfinite(value)) fail_type(*this, key, "a finite number", value);
  return value;
}

double Gguf::number_or(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

std::string Gguf::string(const std::string& key) const {
  return require_as<std::string>(*this, key, "a string");
}

std::string Gguf::string_or(const std::string& key, const std::string& fallback) const {
  return has(key) ? string(key) : fallback;
}

bool Gguf::boolean_or(const std::string& key, bool fallback) const {
  return has(key) ? require_as<bool>(*this, key, "true or false") : fallback;
}

const std::vector<std::string>& Gguf::strings(const std::string& key) const {
  return require_as<std::vector<std::string>>(*this, key, "an array of strings");
}

const std::vector<int64_t>& Gguf::integers(const std::string& key) const {
  const GgufValue& value = require(*this, key);
  if (std::holds_alternative<std::vector<uint64_t>>(value)) {
    fail_type(*this, key, "integers below 2^63", value);
  }
  return require_as<std::vector<int64_t>>(*this, key, "an array of integers");
}

}  // namespace matlora::format

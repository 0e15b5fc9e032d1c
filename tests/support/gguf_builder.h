// Writes GGUF files for tests, well-formed or lying, field by field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/files.h"

namespace matlora::test {

inline std::string gguf_string(const std::string& text) {
  return raw(uint64_t{text.size()}) + text;
}

/// Numbers of the format: value types.
enum GgufValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

/// A file under construction; the public fields may be set to lies.
struct GgufBuilder {
  uint32_t version = 3;
  uint64_t tensor_count = 0, pair_count = 0;
  uint64_t alignment = 32;
  std::string pairs, infos, data;

  GgufBuilder& pair(const std::string& key, GgufValueType type, const std::string& value) {
    pairs += gguf_string(key) + raw(uint32_t{type}) + value;
    ++pair_count;
    return *this;
  }
  GgufBuilder& u32(const std::string& key, uint32_t value) { return pair(key, kU32, raw(value)); }
  GgufBuilder& f32(const std::string& key, float value) { return pair(key, kF32, raw(value)); }
  GgufBuilder& string(const std::string& key, const std::string& value) {
    return pair(key, kString, gguf_string(value));
  }
  GgufBuilder& strings(const std::string& key, const std::vector<std::string>& values) {
    std::string bytes = raw(uint32_t{kString}) + raw(uint64_t{values.size()});
    for (const std::string& value : values) bytes += gguf_string(value);
    return pair(key, kArray, bytes);
  }

  /// A tensor info alone; `dimensions` innermost first, as in the file.
  GgufBuilder& info(const std::string& name, const std::vector<uint64_t>& dimensions, uint32_t type,
                    uint64_t offset) {
    infos += gguf_string(name) + raw(static_cast<uint32_t>(dimensions.size()));
    for (const uint64_t dimension : dimensions) infos += raw(dimension);
    infos += raw(type) + raw(offset);
    ++tensor_count;
    return *this;
  }
  /// A tensor info and its bytes at the next aligned offset.
  GgufBuilder& tensor(const std::string& name, const std::vector<uint64_t>& dimensions,
                      uint32_t type, const std::string& bytes) {
    while (data.size() % alignment != 0) data += '\0';
    info(name, dimensions, type, data.size());
    data += bytes;
    return *this;
  }

  std::string bytes() const {
    std::string out = "GGUF" + raw(version) + raw(tensor_count) + raw(pair_count) + pairs + infos;
    while (out.size() % alignment != 0) out += '\0';
    return out + data;
  }
};

}  // namespace matlora::test

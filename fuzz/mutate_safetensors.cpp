#include <cstring>

#include "fuzz/mutate.h"

namespace matlora::fuzz {
namespace {

using nlohmann::json;

constexpr uint64_t kMostBytes = 1 << 20;  // of a mutant's data

size_t bits_of(const std::string& dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64" || dtype == "C64") return 64;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 32;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 16;
  if (dtype == "F4") return 4;
  if (dtype == "F6_E2M3" || dtype == "F6_E3M2") return 6;
  return 8;
}

/// Offsets that fit the shapes, without holes; where that cannot be the header stays as it is.
uint64_t lay_out(json& header) {
  uint64_t end = 0;
  for (auto& [name, entry] : header.items()) {
    if (name == "__metadata__" || !entry.is_object() || !entry.contains("shape")) continue;
    const json& shape = entry["shape"];
    if (!shape.is_array() || !entry.value("dtype", json()).is_string()) continue;
    uint64_t items = 1;
    for (const json& size : shape) {
      if (!size.is_number_unsigned() || size.get<uint64_t>() > kMostBytes) return end;
      items *= size.get<uint64_t>();
      if (items > kMostBytes) return end;
    }
    const uint64_t begin = end;
    end += (items * bits_of(entry["dtype"].get<std::string>()) + 7) / 8;
    entry["data_offsets"] = {begin, end};
    if (end > kMostBytes) return end;
  }
  return end;
}

json header_of(std::string_view input, std::string_view& data) {
  uint64_t length = 0;
  if (input.size() < sizeof length) return json(json::value_t::discarded);
  std::memcpy(&length, input.data(), sizeof length);
  if (length > input.size() - sizeof length) return json(json::value_t::discarded);
  data = input.substr(sizeof length + length);
  return json::parse(input.substr(sizeof length, length), nullptr, /*allow_exceptions=*/false);
}

}  // namespace

std::string mutate_safetensors(std::string_view input, std::string_view other, Random& random) {
  std::string_view data, ignored;
  json header = header_of(input, data);
  if (header.is_discarded()) return std::string(input);
  const json second = header_of(other, ignored);
  mutate_json(header, second.is_discarded() ? header : second, random);
  std::string bytes(data);
  if (header.is_object() && !one_in(random, 4)) {
    const uint64_t size = lay_out(header);
    if (size <= kMostBytes) bytes.resize(size, '\x3f');
  }
  if (one_in(random, 10)) bytes.resize(bytes.size() + below(random, 9));
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  if (one_in(random, 4)) text += std::string(below(random, 16), ' ');
  const uint64_t length = text.size();
  std::string result(sizeof length, '\0');
  std::memcpy(result.data(), &length, sizeof length);
  return result + text + bytes;
}

}  // namespace matlora::fuzz

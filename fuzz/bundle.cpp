#include "fuzz/bundle.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace matlora::fuzz {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t kMostData = 1 << 22;

/// A file of this header, with numbers near 0.75 in every float type.
std::string safetensors(const json& header) {
  const std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  uint64_t end = 0;
  for (const auto& [name, entry] : header.items()) {
    if (!entry.is_object() || !entry.contains("data_offsets")) continue;
    const json& offsets = entry["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[1].is_number_unsigned()) continue;
    end = std::max(end, offsets[1].get<uint64_t>());
  }
  const uint64_t length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + text + std::string(std::min(end, kMostData), '\x3c');
}

bool stays_inside(const std::string& name) {
  return !name.empty() && name.size() < 200 && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name != "." && name != "..";
}

}  // namespace

fs::path as_folder(std::string_view bundle, const std::string& name) {
  const fs::path folder = as_file("", name + "/.keep").parent_path();
  fs::remove_all(folder);
  fs::create_directories(folder);
  const json files = json::parse(bundle, nullptr, /*allow_exceptions=*/false);
  if (!files.is_object()) return folder;
  for (const auto& [file, content] : files.items()) {
    if (!stays_inside(file)) continue;
    std::string bytes;
    if (content.is_string()) {
      bytes = content.get<std::string>();
    } else if (file.ends_with(".safetensors")) {
      bytes = safetensors(content);
    } else {
      bytes = content.dump(-1, ' ', false, json::error_handler_t::replace);
    }
    std::ofstream(folder / file, std::ios::binary) << bytes;
  }
  return folder;
}

std::string with_zeros(std::string_view bytes, size_t zeros) {
  return std::string(bytes) + std::string(zeros, '\0');
}

}  // namespace matlora::fuzz

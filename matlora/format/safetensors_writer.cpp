#include "matlora/format/safetensors_writer.h"

#include <set>

#include "matlora/base/checked.h"
#include "matlora/base/json.h"
#include "matlora/base/utf8.h"

namespace matlora::format {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr size_t kDataAlignment = 64;  // bytes
const std::string kMetadataKey = "__metadata__";

/// The header for tensors laid out one after the other, padded with spaces so that what follows it
/// is aligned.
std::string header_for(std::span<const TensorPlan> tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  std::set<std::string> names{kMetadataKey};
  uint64_t offset = 0;
  for (const TensorPlan& tensor : tensors) {
    check(names.insert(tensor.name).second, "write_safetensors: name twice: ", tensor.name);
    const uint64_t end = offset + tensor.bytes();
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  while ((kLengthBytes + text.size()) % kDataAlignment != 0) text += ' ';
  return text;
}

void check_utf8(const std::string& text, const std::string& where, const char* what) {
  if (find_invalid_utf8(text) != std::string_view::npos) {
    fail(where, what, " '", printable(text), "' is not UTF-8");
  }
}

}  // namespace

uint64_t TensorPlan::bytes() const {
  const std::string where = cat("tensor '", printable(name), "'");
  const uint64_t bits =
      checked_mul(checked_items(shape, where), item_bits(dtype), where, "the size in bits");
  if (bits % 8 != 0) fail(where, "expected whole bytes, got ", bits, " bits");
  return bits / 8;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::vector<TensorPlan> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  const std::string where = path.string();
  for (const TensorPlan& tensor : tensors) {
    check_utf8(tensor.name, where, "tensor name");
    left_ += tensor.bytes();
  }
  for (const auto& [key, value] : metadata) {
    check_utf8(key, where, "metadata key");
    check_utf8(value, where, "metadata value");
  }
  const std::string header = header_for(tensors, metadata);
  const uint64_t length = header.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(header);
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  check(bytes.size() <= left_, "safetensors: ", bytes.size(), " bytes, ", left_, " are left");
  file_.write(bytes);
  left_ -= bytes.size();
}

void SafetensorsWriter::commit() {
  check(left_ == 0, "safetensors: ", left_, " bytes are missing");
  file_.commit();
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<TensorPlan> plans;
  for (const TensorView& tensor : tensors) {
    plans.push_back({tensor.name, tensor.dtype, tensor.shape});
    check(plans.back().bytes() == tensor.bytes.size(), "write_safetensors: '", tensor.name,
          "' has ", plans.back().bytes(), " bytes by its shape but ", tensor.bytes.size());
  }
  SafetensorsWriter writer(path, std::move(plans), metadata);
  for (const TensorView& tensor : tensors) writer.write(tensor.bytes);
  writer.commit();
}

}  // namespace matlora::format

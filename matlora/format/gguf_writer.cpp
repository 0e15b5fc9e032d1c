#include "matlora/format/gguf_writer.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "matlora/base/checked.h"

namespace matlora::format {
namespace {

constexpr uint64_t kAlignment = 32;  // bytes, the format's default
constexpr uint32_t kVersion = 3;

/// gguf_type in gguf.h of ggml.
enum Type : uint32_t { kU32 = 4, kI32 = 5, kF32 = 6, kBoolean = 7, kString = 8, kArray = 9 };

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

std::string text(const std::string& value) { return raw(uint64_t{value.size()}) + value; }

std::string array_head(uint32_t type, size_t count) { return raw(type) + raw(uint64_t{count}); }

uint64_t padding(uint64_t bytes) { return (kAlignment - bytes % kAlignment) % kAlignment; }

}  // namespace

GgufPairs& GgufPairs::add(const std::string& key, uint32_t type, const std::string& value) {
  bytes_ += text(key) + raw(type);
  bytes_ += value;
  ++count_;
  return *this;
}

GgufPairs& GgufPairs::u32(const std::string& key, uint32_t value) {
  return add(key, kU32, raw(value));
}

GgufPairs& GgufPairs::f32(const std::string& key, double value) {
  return add(key, kF32, raw(static_cast<float>(value)));
}

GgufPairs& GgufPairs::boolean(const std::string& key, bool value) {
  return add(key, kBoolean, raw(static_cast<uint8_t>(value)));
}

GgufPairs& GgufPairs::string(const std::string& key, const std::string& value) {
  return add(key, kString, text(value));
}

GgufPairs& GgufPairs::strings(const std::string& key, const std::vector<std::string>& values) {
  std::string bytes = array_head(kString, values.size());
  for (const std::string& value : values) bytes += text(value);
  return add(key, kArray, bytes);
}

GgufPairs& GgufPairs::i32s(const std::string& key, std::span<const int32_t> values) {
  std::string bytes = array_head(kI32, values.size());
  for (const int32_t value : values) bytes += raw(value);
  return add(key, kArray, bytes);
}

GgufPairs& GgufPairs::f32s(const std::string& key, std::span<const float> values) {
  std::string bytes = array_head(kF32, values.size());
  for (const float value : values) bytes += raw(value);
  return add(key, kArray, bytes);
}

GgufPairs& GgufPairs::booleans(const std::string& key, const std::vector<bool>& values) {
  std::string bytes = array_head(kBoolean, values.size());
  for (const bool value : values) bytes += static_cast<char>(value);
  return add(key, kArray, bytes);
}

GgufPairs& GgufPairs::stored(const std::string& key, std::span<const std::byte> bytes) {
  bytes_ += text(key);
  bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  ++count_;
  return *this;
}

uint64_t GgufPlan::bytes() const {
  const std::string where = cat("tensor '", printable(name), "'");
  const uint64_t items = checked_items(shape, where);
  const auto row = static_cast<uint64_t>(shape.empty() ? 1 : shape.back());
  if (row % block_items(type) != 0) {
    fail(where, "rows of ", row, " numbers are no whole blocks of ", ggml_type_name(type));
  }
  return checked_mul(items / block_items(type), block_bytes(type), where, "its size");
}

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufPairs& pairs,
                       std::vector<GgufPlan> tensors)
    : file_(path), tensors_(std::move(tensors)) {
  std::string infos;
  std::set<std::string> names;
  uint64_t offset = 0;
  for (const GgufPlan& tensor : tensors_) {
    check(names.insert(tensor.name).second, "gguf: name twice: ", tensor.name);
    infos += text(tensor.name) + raw(static_cast<uint32_t>(tensor.shape.size()));
    for (size_t i = tensor.shape.size(); i > 0; --i) infos += raw(tensor.shape[i - 1]);
    infos += raw(static_cast<uint32_t>(tensor.type)) + raw(offset);
    offset += tensor.bytes() + padding(tensor.bytes());
  }
  const std::string start =
      "GGUF" + raw(kVersion) + raw(uint64_t{tensors_.size()}) + raw(pairs.count());
  file_.write(start);
  file_.write(pairs.bytes());
  file_.write(infos);
  file_.write(std::string(padding(start.size() + pairs.bytes().size() + infos.size()), '\0'));
  if (!tensors_.empty()) next_tensor();
}

/// Begins the first tensor that has bytes and is not written.
void GgufWriter::next_tensor() {
  while (left_ == 0 && next_ < tensors_.size()) left_ = tensors_[next_++].bytes();
}

void GgufWriter::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  check(bytes.size() <= left_, "gguf: ", bytes.size(), " bytes, ", left_, " are left");
  file_.write(bytes);
  left_ -= bytes.size();
  written_ += bytes.size();
  if (left_ > 0) return;
  const std::string zeros(padding(written_), '\0');
  file_.write(zeros);
  written_ += zeros.size();
  next_tensor();
}

void GgufWriter::commit() {
  check(left_ == 0 && next_ == tensors_.size(), "gguf: bytes of ", tensors_.size(),
        " tensors are missing");
  file_.commit();
}

}  // namespace matlora::format

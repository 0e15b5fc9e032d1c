// Gguf::open_one: header, metadata, tensor infos, data. Nothing is allocated or pointed at before
// the bytes for it are known to be in the file.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "matlora/base/checked.h"
#include "matlora/base/error.h"
#include "matlora/format/ggml_types.h"
#include "matlora/format/gguf.h"

namespace matlora::format {
namespace {

constexpr char kMagic[] = "GGUF";
constexpr uint32_t kMaxDimensions = 4;
constexpr int kMaxArrayDepth = 16;
constexpr uint64_t kDefaultAlignment = 32;             // bytes
constexpr uint64_t kMaxAlignment = 1024 * 1024;        // bytes
constexpr uint64_t kLeastPairBytes = 8 + 4 + 1;        // key length, value type, value
constexpr uint64_t kLeastArrayBytes = 4 + 8;           // type, length
constexpr uint64_t kLeastTensorBytes = 8 + 4 + 4 + 8;  // name length, dimensions, type, offset
const std::string kAlignmentKey = "general.alignment";

/// gguf_type in gguf.h of ggml.
enum class ValueType : uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

/// Reads forward through the file; every step first checks that the bytes are there.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string where)
      : bytes_(bytes), where_(std::move(where)) {}

  uint64_t position() const { return position_; }
  uint64_t left() const { return bytes_.size() - position_; }
  const std::string& where() const { return where_; }
  std::span<const std::byte> since(uint64_t begin) const {
    return bytes_.subspan(begin, position_ - begin);
  }

  template <class T>
  T take(const char* what) {
    const auto bytes = take_bytes(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  std::string take_string(const char* what) {
    const auto length = take<uint64_t>(what);
    const auto bytes = take_bytes(length, what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// A count of items of which each takes at least `least_bytes`.
  uint64_t take_count(uint64_t least_bytes, const char* what) {
    const auto count = take<uint64_t>(what);
    if (count > left() / least_bytes) {
      fail(where_, what, ": expected at most ", left() / least_bytes, " (what fits the file), got ",
           count, "; is the download complete?");
    }
    return count;
  }

 private:
  std::span<const std::byte> take_bytes(uint64_t count, const char* what) {
    if (count > left()) {
      fail(where_, what, " passes the end of the file: expected ", count, " bytes at ", position_,
           ", got ", left(), "; is the download complete?");
    }
    const auto result = bytes_.subspan(position_, count);
    position_ += count;
    return result;
  }

  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
  std::string where_;
};

uint32_t read_version(Cursor& cursor) {
  char magic[4];
  std::memcpy(magic, cursor.take<std::array<char, 4>>("the magic").data(), 4);
  if (std::memcmp(magic, kMagic, 4) != 0) {
    fail(cursor.where(), "not a GGUF file: expected 'GGUF' at the beginning, got '",
         printable({magic, 4}), "'");
  }
  const auto version = cursor.take<uint32_t>("the version");
  if (version != 0 && (version & 0xffff) == 0) {
    fail(cursor.where(), "big-endian GGUF is not supported; convert it to little-endian");
  }
  if (version != 2 && version != 3) {
    fail(cursor.where(), "GGUF version: expected 2 or 3, got ", version,
         version == 1 ? "; convert the model again with a newer llama.cpp" : "");
  }
  return version;
}

bool take_boolean(Cursor& cursor) {
  const auto byte = cursor.take<uint8_t>("a boolean");
  if (byte > 1) fail(cursor.where(), "a boolean: expected 0 or 1, got ", int{byte});
  return byte == 1;
}

template <class T>
GgufValue take_scalar(Cursor& cursor) {
  const T value = cursor.take<T>("a metadata value");
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<double>(value);
  else if constexpr (std::is_signed_v<T>)
    return static_cast<int64_t>(value);
  else
    return static_cast<uint64_t>(value);
}

template <class T>
std::vector<std::conditional_t<std::is_floating_point_v<T>, double, int64_t>> take_numbers(
    Cursor& cursor) {
  const uint64_t count = cursor.take_count(sizeof(T), "array length");
  std::vector<std::conditional_t<std::is_floating_point_v<T>, double, int64_t>> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    values.push_back(
        static_cast<typename decltype(values)::value_type>(cursor.take<T>("an array")));
  }
  return values;
}

/// int64 where all of them fit.
GgufValue take_large_numbers(Cursor& cursor) {
  std::vector<int64_t> values = take_numbers<uint64_t>(cursor);  // the same bits
  if (std::none_of(values.begin(), values.end(), [](int64_t value) { return value < 0; })) {
    return values;
  }
  return std::vector<uint64_t>(values.begin(), values.end());
}

GgufValue take_strings(Cursor& cursor) {
  const uint64_t count = cursor.take_count(sizeof(uint64_t), "array length");
  std::vector<std::string> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) values.push_back(cursor.take_string("a string of an array"));
  return values;
}

GgufValue take_booleans(Cursor& cursor) {
  const uint64_t count = cursor.take_count(1, "array length");
  std::vector<bool> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) values.push_back(take_boolean(cursor));
  return values;
}

GgufValue take_array(Cursor& cursor, int depth = 0);

/// `depth`: of the arrays around it.
GgufValue take_nested(Cursor& cursor, int depth) {
  if (depth == kMaxArrayDepth) {
    fail(cursor.where(), "arrays nest deeper than ", kMaxArrayDepth, " levels");
  }
  const uint64_t count = cursor.take_count(kLeastArrayBytes, "array length");
  for (uint64_t i = 0; i < count; ++i) take_array(cursor, depth + 1);
  return GgufNested{count};
}

GgufValue take_array(Cursor& cursor, int depth) {
  const auto type = cursor.take<uint32_t>("an array's type");
  switch (static_cast<ValueType>(type)) {
    case ValueType::u8:
      return take_numbers<uint8_t>(cursor);
    case ValueType::i8:
      return take_numbers<int8_t>(cursor);
    case ValueType::u16:
      return take_numbers<uint16_t>(cursor);
    case ValueType::i16:
      return take_numbers<int16_t>(cursor);
    case ValueType::u32:
      return take_numbers<uint32_t>(cursor);
    case ValueType::i32:
      return take_numbers<int32_t>(cursor);
    case ValueType::u64:
      return take_large_numbers(cursor);
    case ValueType::i64:
      return take_numbers<int64_t>(cursor);
    case ValueType::f32:
      return take_numbers<float>(cursor);
    case ValueType::f64:
      return take_numbers<double>(cursor);
    case ValueType::boolean:
      return take_booleans(cursor);
    case ValueType::string:
      return take_strings(cursor);
    case ValueType::array:
      return take_nested(cursor, depth);
  }
  fail(cursor.where(), "unknown array type ", type);
}

GgufValue take_value(Cursor& cursor) {
  const auto type = cursor.take<uint32_t>("a value's type");
  switch (static_cast<ValueType>(type)) {
    case ValueType::u8:
      return take_scalar<uint8_t>(cursor);
    case ValueType::i8:
      return take_scalar<int8_t>(cursor);
    case ValueType::u16:
      return take_scalar<uint16_t>(cursor);
    case ValueType::i16:
      return take_scalar<int16_t>(cursor);
    case ValueType::u32:
      return take_scalar<uint32_t>(cursor);
    case ValueType::i32:
      return take_scalar<int32_t>(cursor);
    case ValueType::u64:
      return take_scalar<uint64_t>(cursor);
    case ValueType::i64:
      return take_scalar<int64_t>(cursor);
    case ValueType::f32:
      return take_scalar<float>(cursor);
    case ValueType::f64:
      return take_scalar<double>(cursor);
    case ValueType::boolean:
      return take_boolean(cursor);
    case ValueType::string:
      return cursor.take_string("a metadata string");
    case ValueType::array:
      return take_array(cursor);
  }
  fail(cursor.where(), "unknown metadata value type ", type);
}

using StoredValues = std::vector<std::pair<std::string, std::span<const std::byte>>>;

std::map<std::string, GgufValue> read_metadata(Cursor& cursor, uint64_t count,
                                               StoredValues& stored) {
  std::map<std::string, GgufValue> metadata;
  for (uint64_t i = 0; i < count; ++i) {
    std::string key = cursor.take_string("a metadata key");
    const uint64_t begin = cursor.position();
    GgufValue value = take_value(cursor);
    stored.emplace_back(key, cursor.since(begin));
    if (!metadata.emplace(key, std::move(value)).second) {
      fail(cursor.where(), "metadata key '", printable(key), "' appears twice");
    }
  }
  return metadata;
}

uint64_t alignment_of(const Gguf& file, const std::string& where) {
  const auto value =
      static_cast<uint64_t>(file.integer_or(kAlignmentKey, kDefaultAlignment, 0, INT64_MAX));
  if (!std::has_single_bit(value) || value > kMaxAlignment) {
    fail(where, "'", kAlignmentKey, "': expected a power of two, at most ", kMaxAlignment, ", got ",
         value);
  }
  return value;
}

struct TensorInfo {
  GgufTensor tensor;
  uint64_t offset = 0, bytes = 0;  // within the data section
};

/// Name, dimensions (innermost first), type, offset.
TensorInfo read_tensor_info(Cursor& cursor) {
  TensorInfo info;
  GgufTensor& tensor = info.tensor;
  tensor.name = cursor.take_string("a tensor's name");
  const std::string where = cat(cursor.where(), ": tensor '", printable(tensor.name), "'");
  const auto dimensions = cursor.take<uint32_t>("a tensor's dimensions");
  if (dimensions > kMaxDimensions) {
    fail(where, "expected at most ", kMaxDimensions, " dimensions, got ", dimensions);
  }
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto size = cursor.take<uint64_t>("a tensor's dimensions");
    if (size > static_cast<uint64_t>(INT64_MAX)) fail(where, "dimension ", size, " is too large");
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
  }
  const auto number = cursor.take<uint32_t>("a tensor's type");
  const auto type = ggml_type_of(number);
  if (!type) {
    fail(where, "tensor type ", number, " is not known; expected one of ", ggml_type_names());
  }
  tensor.type = *type;
  info.offset = cursor.take<uint64_t>("a tensor's offset");

  const uint64_t items = checked_items(tensor.shape, where);
  const auto row = static_cast<uint64_t>(tensor.shape.empty() ? 1 : tensor.shape.back());
  if (row % block_items(*type) != 0) {
    fail(where, "the innermost dimension: expected a multiple of ", block_items(*type), " for ",
         ggml_type_name(*type), ", got ", row);
  }
  info.bytes = checked_mul(items / block_items(*type), block_bytes(*type), where, "its size");
  return info;
}

/// Points `info.tensor` at its bytes.
void locate(TensorInfo& info, std::span<const std::byte> data, uint64_t alignment,
            const std::string& file) {
  const std::string where = cat(file, ": tensor '", printable(info.tensor.name), "'");
  if (info.offset % alignment != 0) {
    fail(where, "its offset: expected a multiple of ", alignment, ", got ", info.offset);
  }
  const uint64_t end = checked_add(info.offset, info.bytes, where, "its end");
  if (end > data.size()) {
    fail(where, "its data pass the end of the file: expected ", end, " bytes of data, got ",
         data.size(), "; is the download complete?");
  }
  info.tensor.bytes = data.subspan(info.offset, info.bytes);
}

void check_overlap(const std::vector<TensorInfo>& infos, const std::string& where) {
  std::vector<const TensorInfo*> order;
  for (const TensorInfo& info : infos) {
    if (info.bytes > 0) order.push_back(&info);
  }
  std::sort(order.begin(), order.end(),
            [](const TensorInfo* a, const TensorInfo* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->bytes) {
      fail(where, "tensors '", printable(order[i - 1]->tensor.name), "' and '",
           printable(order[i]->tensor.name), "' overlap");
    }
  }
}

}  // namespace

void Gguf::add_tensor(GgufTensor tensor, const std::string& where) {
  if (!by_name_.emplace(tensor.name, tensors_.size()).second) {
    fail(where, "tensor '", printable(tensor.name), "' appears twice");
  }
  tensors_.push_back(std::move(tensor));
}

Gguf Gguf::open_one(const std::filesystem::path& path) {
  const std::string where = path.string();
  Gguf result;
  result.file_ = MappedFile::open(path);
  const auto file = result.file_->bytes();
  Cursor cursor(file, where);
  result.version_ = read_version(cursor);
  const uint64_t tensor_count = cursor.take_count(kLeastTensorBytes, "number of tensors");
  const uint64_t pair_count = cursor.take_count(kLeastPairBytes, "number of metadata keys");
  result.metadata_ = read_metadata(cursor, pair_count, result.stored_);
  const uint64_t alignment = alignment_of(result, where);

  std::vector<TensorInfo> infos;
  for (uint64_t i = 0; i < tensor_count; ++i) infos.push_back(read_tensor_info(cursor));
  const uint64_t padding = (alignment - cursor.position() % alignment) % alignment;
  const auto data = file.subspan(cursor.position() + std::min(padding, cursor.left()));
  for (TensorInfo& info : infos) locate(info, data, alignment, where);
  check_overlap(infos, where);

  for (TensorInfo& info : infos) {
    info.tensor.file = result.file_;
    result.add_tensor(std::move(info.tensor), where);
  }
  return result;
}

}  // namespace matlora::format

#include "matlora/format/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "matlora/base/checked.h"
#include "matlora/base/error.h"
#include "matlora/base/json.h"

namespace matlora::format {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr std::string_view kJsonSpace = " \t\r\n";
const std::string kMetadataKey = "__metadata__";

struct DTypeRow {
  DType dtype;
  const char* name;
  size_t bits;
};

/// Names and sizes as in the reference implementation (safetensors 0.8.0, enum Dtype).
constexpr std::array<DTypeRow, 22> kDTypes{{
    {DType::f64, "F64", 64},
    {DType::f32, "F32", 32},
    {DType::f16, "F16", 16},
    {DType::bf16, "BF16", 16},
    {DType::i64, "I64", 64},
    {DType::i32, "I32", 32},
    {DType::i16, "I16", 16},
    {DType::i8, "I8", 8},
    {DType::u8, "U8", 8},
    {DType::boolean, "BOOL", 8},
    {DType::u64, "U64", 64},
    {DType::u32, "U32", 32},
    {DType::u16, "U16", 16},
    {DType::c64, "C64", 64},
    {DType::f8_e4m3, "F8_E4M3", 8},
    {DType::f8_e5m2, "F8_E5M2", 8},
    {DType::f8_e8m0, "F8_E8M0", 8},
    {DType::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
    {DType::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
    {DType::f6_e2m3, "F6_E2M3", 6},
    {DType::f6_e3m2, "F6_E3M2", 6},
    {DType::f4, "F4", 4},
}};

const DTypeRow& row_of(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row;
  }
  throw BugError("safetensors: a dtype is missing from the table");
}

DType dtype_of(const std::string& name, const std::string& where) {
  std::string known;
  for (const DTypeRow& row : kDTypes) {
    if (name == row.name) return row.dtype;
    known += known.empty() ? row.name : cat(", ", row.name);
  }
  fail(where, "dtype: expected one of ", known, ", got '", printable(name), "'");
}

/// The JSON text of the header. Throws unless it is inside the file.
std::string_view header_text(std::span<const std::byte> file, const std::string& where) {
  if (file.size() < kLengthBytes) {
    fail(where, "expected at least ", kLengthBytes, " bytes, got ", file.size(),
         "; is the download complete?");
  }
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    fail(where, "header length: expected at most ", kMaxHeaderBytes, " bytes, got ", length,
         "; is it a safetensors file?");
  }
  if (length > file.size() - kLengthBytes) {
    fail(where, "the header passes the end of the file: expected ", length, " bytes, got ",
         file.size() - kLengthBytes, "; is the download complete?");
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes, length);
  const size_t begin = text.find_first_not_of(kJsonSpace);
  if (begin == std::string_view::npos || text[begin] != '{') {
    fail(where, "the header does not begin with '{'; is it a safetensors file?");
  }
  return text;
}

/// One entry of the header: `{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}`.
TensorView parse_tensor(const std::string& name, const Json& value, const std::string& file,
                        std::span<const std::byte> data) {
  const std::string where = cat(file, ": tensor '", printable(name), "'");
  const JsonObject entry(value, where);
  TensorView tensor{name, dtype_of(entry.string("dtype"), where), {}, {}};
  tensor.shape = entry.integers("shape", 0, INT64_MAX);
  const std::vector<int64_t> offsets = entry.integers("data_offsets", 0, INT64_MAX);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    fail(where, "'data_offsets': expected [begin, end] with begin <= end");
  }
  const auto begin = static_cast<uint64_t>(offsets[0]), end = static_cast<uint64_t>(offsets[1]);
  if (end > data.size()) {
    fail(where, "its data pass the end of the file: expected at least ", end,
         " bytes of data, got ", data.size(), "; is the download complete?");
  }
  const uint64_t bits = checked_mul(checked_items(tensor.shape, where), item_bits(tensor.dtype),
                                    where, "the size in bits");
  if (bits % 8 != 0) {
    fail(where, "expected whole bytes, got ", bits, " bits of ", dtype_name(tensor.dtype));
  }
  const uint64_t bytes = bits / 8;
  if (bytes != end - begin) {
    fail(where, "shape and data_offsets disagree: expected ", bytes, " bytes, got ", end - begin);
  }
  tensor.bytes = data.subspan(begin, bytes);
  return tensor;
}

/// Throws unless the tensors, in order of offset, cover the data section without hole or overlap.
void check_coverage(std::span<const TensorView> tensors, std::span<const std::byte> data,
                    const std::string& where) {
  const std::byte* expected = data.data();
  for (const TensorView& tensor : tensors) {
    const ptrdiff_t gap = tensor.bytes.data() - expected;
    if (gap < 0) {
      fail(where, "tensor '", printable(tensor.name), "' overlaps the tensor before it by ", -gap,
           " bytes");
    }
    if (gap > 0) {
      fail(where, "a hole of ", gap, " bytes before tensor '", printable(tensor.name), "'");
    }
    expected += tensor.bytes.size();
  }
  const ptrdiff_t rest = data.data() + data.size() - expected;
  if (rest > 0) fail(where, rest, " bytes after the last tensor belong to none");
}

}  // namespace

size_t item_bits(DType dtype) { return row_of(dtype).bits; }

const char* dtype_name(DType dtype) { return row_of(dtype).name; }

Safetensors Safetensors::open(const std::filesystem::path& path) {
  const std::string where = path.string();
  Safetensors result;
  result.file_ = MappedFile::open(path);
  const auto file = result.file_->bytes();
  const std::string_view text = header_text(file, where);
  const auto data = file.subspan(kLengthBytes + text.size());

  const Json header = parse_json(text, where + ": header");
  for (const auto& [name, value] : header.items()) {
    if (name != kMetadataKey) {
      result.tensors_.push_back(parse_tensor(name, value, where, data));
      continue;
    }
    if (value.is_null()) continue;
    const JsonObject metadata(value, where + ": " + kMetadataKey);
    for (const auto& item : value.items()) {
      result.metadata_[item.key()] = metadata.string(item.key());
    }
  }
  std::stable_sort(result.tensors_.begin(), result.tensors_.end(),
                   [](const TensorView& a, const TensorView& b) {
                     if (a.bytes.data() != b.bytes.data()) return a.bytes.data() < b.bytes.data();
                     return a.bytes.size() < b.bytes.size();
                   });
  check_coverage(result.tensors_, data, where);
  for (size_t i = 0; i < result.tensors_.size(); ++i) {
    result.by_name_[result.tensors_[i].name] = i;
  }
  return result;
}

const TensorView* Safetensors::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace matlora::format

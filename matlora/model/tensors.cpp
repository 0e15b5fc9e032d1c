#include "matlora/model/tensors.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <atomic>
#include <cmath>
#include <optional>

#include "matlora/base/error.h"
#include "matlora/format/dequantize.h"
#include "matlora/format/ggml_types.h"

namespace matlora::model {
namespace {

/// None for what no matrix of a model is stored in without more than its numbers.
std::optional<at::ScalarType> scalar_type(format::DType dtype) {
  using format::DType;
  switch (dtype) {
    case DType::f64:
      return at::kDouble;
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    case DType::i64:
      return at::kLong;
    case DType::i32:
      return at::kInt;
    case DType::i16:
      return at::kShort;
    case DType::i8:
      return at::kChar;
    case DType::u8:
      return at::kByte;
    case DType::boolean:
      return at::kBool;
    default:
      return std::nullopt;
  }
}

/// Bit by bit: the library's own check makes several passes over memory.
bool all_finite(const at::Tensor& tensor) {
  if (tensor.scalar_type() != at::kFloat || !tensor.is_contiguous()) return false;
  const auto* const bits = static_cast<const uint32_t*>(tensor.const_data_ptr());
  std::atomic<bool> finite = true;
  at::parallel_for(0, tensor.numel(), 1 << 18, [&](int64_t begin, int64_t end) {
    uint32_t bad = 0;
    for (int64_t i = begin; i < end; ++i) {
      bad |= static_cast<uint32_t>((bits[i] & 0x7f800000U) == 0x7f800000U);
    }
    if (bad != 0) finite = false;
  });
  return finite;
}

}  // namespace

at::Tensor dequantized(const format::GgufTensor& tensor) {
  if (!format::can_dequantize(tensor.type)) {
    fail(tensor.file->path().string(), tensor.name, ": tensor type ",
         format::ggml_type_name(tensor.type), " is not supported; expected one of ",
         format::ggml_type_names());
  }
  at::Tensor result = at::empty(tensor.shape, at::kFloat);
  float* out = result.mutable_data_ptr<float>();
  const size_t items = format::block_items(tensor.type), bytes = format::block_bytes(tensor.type);
  const auto blocks = tensor.items() / static_cast<int64_t>(items);
  at::parallel_for(0, blocks, 4096, [&](int64_t begin, int64_t end) {
    const auto first = static_cast<size_t>(begin), count = static_cast<size_t>(end - begin);
    format::dequantize(tensor.type, tensor.bytes.subspan(first * bytes, count * bytes),
                       {out + first * items, count * items});
  });
  return result;
}

at::Tensor wrap(const format::TensorView& view, std::shared_ptr<const MappedFile> file) {
  const std::optional<at::ScalarType> type = scalar_type(view.dtype);
  if (!type) {
    fail(file->path().string(), "tensor '", printable(view.name), "': dtype ",
         format::dtype_name(view.dtype), " cannot be read; expected F64, F32, F16 or BF16");
  }
  const auto options = at::TensorOptions().dtype(*type);
  auto* data = const_cast<std::byte*>(view.bytes.data());
  if (reinterpret_cast<uintptr_t>(data) % (format::item_bits(view.dtype) / 8) != 0) {
    at::Tensor copy = at::empty(view.shape, options);
    std::copy(view.bytes.begin(), view.bytes.end(),
              static_cast<std::byte*>(copy.mutable_data_ptr()));
    return copy;
  }
  return at::from_blob(
      data, view.shape, [file = std::move(file)](void*) {}, options);
}

format::TensorView view_of(const std::string& name, const at::Tensor& tensor) {
  check(tensor.is_contiguous() && tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat,
        "view_of: ", name, " is not a contiguous float32 CPU tensor");
  const auto* data = static_cast<const std::byte*>(tensor.const_data_ptr());
  return {name, format::DType::f32, tensor.sizes().vec(), {data, tensor.nbytes()}};
}

format::DType stored_type(at::ScalarType dtype) {
  if (dtype == at::kHalf) return format::DType::f16;
  if (dtype == at::kBFloat16) return format::DType::bf16;
  check(dtype == at::kFloat, "stored_type: ", dtype);
  return format::DType::f32;
}

void check_rounded(const at::Tensor& tensor, const std::string& name, const std::string& where) {
  if (tensor.scalar_type() == at::kFloat) return;
  if (at::isfinite(tensor).all().item<bool>()) return;
  fail(where, printable(name, 120), ": a number is too large for ",
       tensor.scalar_type() == at::kHalf ? "float16" : "bfloat16", "; ", Field{"dtype"},
       " float32 holds it");
}

void check_finite(const at::Tensor& tensor, const std::string& name, const std::string& where) {
  if (all_finite(tensor)) return;
  const at::Tensor bad = at::isfinite(tensor).logical_not().flatten();
  if (!bad.any().item<bool>()) return;
  int64_t offset = bad.to(at::kByte).argmax().item<int64_t>();
  const auto value = tensor.flatten()[offset].item<double>();
  std::vector<int64_t> position(static_cast<size_t>(tensor.dim()));
  for (int64_t axis = tensor.dim() - 1; axis >= 0; --axis) {
    position[static_cast<size_t>(axis)] = offset % tensor.size(axis);
    offset /= tensor.size(axis);
  }
  fail(where, "tensor '", printable(name, 120), "': expected finite numbers, got ",
       std::isnan(value) ? "NaN"
       : value > 0       ? "infinity"
                         : "-infinity",
       " at ", shape_text(position), " (", bad.sum().item<int64_t>(), " of ", bad.numel(),
       "); the file is damaged, or its training diverged");
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace matlora::model

#include "matlora/model/tensors.h"

#include <ATen/ATen.h>

#include "matlora/base/error.h"

namespace matlora::model {
namespace {

at::ScalarType scalar_type(format::DType dtype) {
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
  }
  throw BugError("dtype without a torch type");
}

}  // namespace

at::Tensor wrap(const format::TensorView& view, std::shared_ptr<const MappedFile> file) {
  const auto options = at::TensorOptions().dtype(scalar_type(view.dtype));
  auto* data = const_cast<std::byte*>(view.bytes.data());
  if (reinterpret_cast<uintptr_t>(data) % format::item_size(view.dtype) != 0) {
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

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace matlora::model

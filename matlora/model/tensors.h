// format's bytes <-> torch's tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "matlora/base/file.h"
#include "matlora/format/gguf.h"
#include "matlora/format/safetensors.h"

namespace matlora::model {

/// A tensor over the view's bytes, without a copy where their alignment allows; it keeps `file`
/// alive. The memory is read-only: nothing may write to the tensor. Throws UserError naming file
/// and tensor for a dtype whose items are not plain numbers of torch's (F8_E4M3, U16, F4, C64, ..).
at::Tensor wrap(const format::TensorView& view, std::shared_ptr<const MappedFile> file);

/// The numbers of a GGUF tensor as float32, in new memory. Throws UserError naming file and tensor
/// for a type that is not dequantised.
at::Tensor dequantized(const format::GgufTensor& tensor);

/// A view of a contiguous float32 CPU tensor, which must outlive it.
format::TensorView view_of(const std::string& name, const at::Tensor& tensor);

/// The format's dtype of float32, float16 and bfloat16 numbers.
format::DType stored_type(at::ScalarType dtype);

/// Throws UserError at `where` when numbers of `tensor`, which were finite, became infinite in its
/// dtype. name: the layer's or the tensor's.
void check_rounded(const at::Tensor& tensor, const std::string& name, const std::string& where);

/// Throws UserError at `where` with the first position of a number in the CPU tensor that is NaN or
/// infinite. `name`: the tensor's in its file.
void check_finite(const at::Tensor& tensor, const std::string& name, const std::string& where);

std::string shape_text(const std::vector<int64_t>& shape);  ///< "[64, 576]"

}  // namespace matlora::model

// The tensors of a model, and how GGUF has them: for what writes models and adapters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "matlora/format/gguf.h"
#include "matlora/model/families/family.h"

namespace matlora::model {

struct TensorShape {
  std::string name;  // transformers', "model.layers.0.self_attn.q_proj.weight"
  std::vector<int64_t> shape;

  bool is_norm() const { return name.ends_with("norm.weight"); }
};

/// Those that the loader asks for, in order of layers; without lm_head.weight where it is the
/// embedding.
std::vector<TensorShape> tensors_of(const Configuration& model);

/// general.architecture of a file that is written; null: GGUF has none for the family.
const char* written_architecture(const Configuration& model);

/// general.file_type of a file whose matrices are of this type (llama.h, llama_ftype).
uint32_t file_type_of(format::GgmlType type);

/// A matrix of transformers' tensor `name`, of as many rows, with the rows in GGUF's order: the
/// inverse of Family::from_gguf, which moves whole rows and does nothing else.
at::Tensor to_gguf_rows(const std::string& name, const at::Tensor& value,
                        const Configuration& model);

/// Whether GGUF has the rows of the tensor in another order.
bool moves_rows(const std::string& name, const Configuration& model);

}  // namespace matlora::model

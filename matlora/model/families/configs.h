// What the configurations of most families have in common. For the files of families.
#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "matlora/base/json.h"
#include "matlora/format/gguf.h"
#include "matlora/model/families/hyperparameters.h"

namespace matlora::model {

/// Sizes, epsilon, tied embeddings and rope of config.json; what is absent takes LlamaConfig's
/// default. `rope_scaling` and the newer `rope_parameters` (which also holds rope_theta),
/// `rope_type` and the older `type`. Throws UserError naming the key.
Hyperparameters read_hf_sizes(const JsonObject& config);

/// Throws UserError unless 'hidden_act' is `expected` or absent.
void expect_activation(const JsonObject& config, const std::string& expected);

/// The same from GGUF metadata `PREFIX.*`: vocab_size from `PREFIX.vocab_size`, else from the
/// tokens; tied when there is no `output.weight`; linear rope scaling (llama3's is a tensor
/// `rope_freqs.weight`, which the caller reads).
Hyperparameters read_gguf_sizes(const format::Gguf& file, const std::string& prefix);

/// Whether a layer has one of the tensors: then all layers are expected to have them all.
bool any_layer_has(const format::Gguf& file, std::initializer_list<std::string_view> names);

/// Undoes the row order that the conversion to GGUF gives q and k of some families, which pairs
/// neighbours for rope: within a head, row 2i + j of the file is row j·D/2 + i of transformers
/// (llama.cpp, convert_hf_to_gguf.py, `permute`). value: [H·D, ..]; name: transformers'.
at::Tensor unpermute_q_and_k(const std::string& name, const at::Tensor& value,
                             const Hyperparameters& of);

}  // namespace matlora::model

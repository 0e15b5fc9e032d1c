// What the configurations of most families have in common. For the files of families.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/format/gguf.h"
#include "matlora/model/families/family.h"

namespace matlora::model {

/// What absent keys of config.json mean; of sizes, 0: the key must be there.
struct HfDefaults {
  int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0;
  int64_t num_layers = 0, num_heads = 0;
  int64_t num_kv_heads = 0;  // 0: num_heads
  int64_t head_dim = 0;      // 0: hidden_size / num_heads
  int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  double rope_theta = 10000;
  bool partial_rotary = false;  // whether partial_rotary_factor may be less than 1
};

/// Sizes, epsilon, tied embeddings and rope of config.json; what is absent takes the default.
/// `rope_scaling` and the newer `rope_parameters` (which also holds rope_theta), `rope_type` and
/// the older `type`. Throws UserError naming the key.
Hyperparameters read_hf_sizes(const JsonObject& config, const HfDefaults& defaults = {});

/// read_hf_sizes of families with a rope for each of two kinds of layers, full attention (index 0)
/// and sliding (1): `rope_parameters` holds both; else `rope_theta` and `rope_scaling` are of full
/// attention and `local_theta_key` of sliding layers, whose absent theta is `local_theta`.
Hyperparameters read_hf_sizes_of_two_ropes(const JsonObject& config, const HfDefaults& defaults,
                                           const std::string& local_theta_key, double local_theta);

/// Throws UserError unless `key` is `expected` or absent.
void expect_activation(const JsonObject& config, const std::string& expected,
                       const std::string& key = "hidden_act");

/// A number of which null means none, 0; absent means `fallback`.
double read_optional_number(const JsonObject& config, const std::string& key, double fallback);

/// Tokens of `sliding_window`: 0 where it is null; absent means `fallback`.
int64_t read_window(const JsonObject& config, int64_t fallback);

/// attention_bias, of q, k, v and o, and mlp_bias; absent: none.
void read_hf_biases(const JsonObject& config, Hyperparameters& of);

/// Whether each layer has a window: `layer_types`, whose names are full_attention and
/// sliding_attention; absent: `fallback(layer)`.
std::vector<bool> read_sliding_layers(const JsonObject& config, int64_t layers,
                                      const std::function<bool(int64_t)>& fallback);

/// Gives sliding layers this window and rope.
void set_sliding(const std::vector<bool>& sliding, int64_t window, int32_t rope,
                 Hyperparameters& of);

/// The same from GGUF metadata `PREFIX.*`: vocab_size from `PREFIX.vocab_size`, else from the
/// tokens; tied when there is no `output.weight`; linear and yarn rope scaling (llama3's is a
/// tensor `rope_freqs.weight`, which the caller reads).
Hyperparameters read_gguf_sizes(const format::Gguf& file, const std::string& prefix,
                                bool partial_rotary = false);

/// Biases that a GGUF file has tensors of.
void read_gguf_biases(const format::Gguf& file, Hyperparameters& of);

/// Whether each layer has a window: `PREFIX.attention.sliding_window_pattern`, a flag of each layer
/// or a number n, of which every n-th layer has none; absent: the number `every`.
std::vector<bool> read_gguf_sliding_layers(const format::Gguf& file, const std::string& prefix,
                                           int64_t layers, int64_t every);

/// The numbers of a float32 tensor of one dimension. Throws UserError when it is not there.
std::vector<double> read_gguf_numbers(const format::Gguf& file, const std::string& name);

/// `norms`, and the projections that most families have apart: q, k, v, o, gate, up, down.
std::vector<ModuleName> with_projections(std::vector<ModuleName> norms);

/// Undoes the row order that the conversion to GGUF gives q and k of some families, which pairs
/// neighbours for rope: within a head, row 2i + j of the file is row j·D/2 + i of transformers
/// (llama.cpp, convert_hf_to_gguf.py, `permute`). value: [H·D, ..]; name: transformers'.
at::Tensor unpermute_q_and_k(const std::string& name, const at::Tensor& value,
                             const Hyperparameters& of);

/// What yarn multiplies cosines and sines by, where the model does not say.
double yarn_attention_factor(double factor);

/// The same of longrope. factor: of the longest sequence to the original one.
double longrope_attention_factor(double factor, int64_t original_length);

}  // namespace matlora::model

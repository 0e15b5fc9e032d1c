// The sizes and options of a model, whatever family it is of and whatever file they came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "matlora/nn/swiglu.h"

namespace matlora::model {

/// Rope frequency scaling; formulas in nn/rope.h.
struct RopeScaling {
  enum class Kind { none, linear, llama3 } kind = Kind::none;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3 only
  int64_t original_max_position_embeddings = 8192;   // llama3 only
};

/// One set of rope frequencies; a model may have several, for different layers.
struct RopeParameters {
  double theta = 10000;
  RopeScaling scaling = {};
};

struct Hyperparameters {
  int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, num_layers = 0;
  int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-5;
  std::vector<RopeParameters> ropes = {{}};  // one at least
  nn::Activation activation = nn::Activation::silu;
  bool tie_word_embeddings = false, attention_bias = false, mlp_bias = false;
  bool attention_output_bias = false;  // o_proj's; attention_bias is that of q, k and v
  std::vector<int64_t> eos_token_ids;  // may be empty
  std::optional<int64_t> bos_token_id;
};

constexpr int64_t kMaxSize = int64_t{1} << 24;  // of any dimension, layer count or token id
constexpr int64_t kMaxPositions = int64_t{1} << 32;

/// Throws UserError at `where` unless num_heads is a multiple of num_kv_heads, head_dim is even and
/// at most 2^16, and epsilon and the numbers of rope are positive.
void validate(const Hyperparameters& of, const std::string& where);

/// hidden_size / num_heads, for files that do not say head_dim. Throws UserError when it is no
/// integer.
int64_t default_head_dim(const Hyperparameters& of, const std::string& where);

}  // namespace matlora::model

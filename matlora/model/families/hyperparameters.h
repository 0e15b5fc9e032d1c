// The sizes and options of a model, whatever family it is of and whatever file they came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/nn/swiglu.h"

namespace matlora::model {

/// Rope frequency scaling; formulas in nn/rope.h.
struct RopeScaling {
  enum class Kind { none, linear, llama3, yarn, longrope } kind = Kind::none;
  double factor = 1;                                 // not of longrope
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3 only
  int64_t original_max_position_embeddings = 8192;   // llama3, yarn, longrope
  double attention_factor = 1;                       // yarn, longrope: of cosines and sines
  double beta_fast = 32, beta_slow = 1;              // yarn only
  bool truncate = true;                              // yarn only
  std::vector<double> short_factors, long_factors;   // longrope only, one of each frequency
};

/// "none", "linear", ..
const char* name(RopeScaling::Kind kind);

/// One set of rope frequencies; a model may have several, for different layers.
struct RopeParameters {
  double theta = 10000;
  int64_t dims = 0;  // that turn, of each head; 0: all
  RopeScaling scaling = {};
};

/// What a layer's attention sees, and how.
struct LayerKind {
  int64_t window = 0;  // tokens, itself included; 0: all before it
  int32_t rope = 0;    // index in Hyperparameters::ropes; -1: none
};

struct Hyperparameters {
  int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, num_layers = 0;
  int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-5;
  double norm_offset = 0;  // added to every norm's weight: 1 where w of 1 + w is stored
  std::vector<RopeParameters> ropes = {{}};  // one at least
  std::vector<LayerKind> kinds = {};         // of each layer; empty: all alike and as by default
  double attention_scale = 0;                // of q·k; 0: 1/√head_dim
  double attention_soft_cap = 0, logit_soft_cap = 0;  // 0: none
  double embedding_scale = 1, residual_scale = 1, logit_scale = 1;
  nn::Activation activation = nn::Activation::silu;
  bool tie_word_embeddings = false, attention_bias = false, mlp_bias = false;
  bool attention_output_bias = false;  // o_proj's; attention_bias is that of q, k and v
  std::vector<int64_t> eos_token_ids;  // may be empty
  std::optional<int64_t> bos_token_id;
  std::string left_out;  // parts of the checkpoint that are no language model; may be empty
};

constexpr int64_t kMaxSize = int64_t{1} << 24;  // of any dimension, layer count or token id
constexpr int64_t kMaxPositions = int64_t{1} << 32;

/// Throws UserError at `where` unless num_heads is a multiple of num_kv_heads, head_dim is even and
/// at most 2^16, and epsilon, scales and the numbers of rope are positive.
void validate(const Hyperparameters& of, const std::string& where);

/// hidden_size / num_heads, for files that do not say head_dim. Throws UserError when it is no
/// integer.
int64_t default_head_dim(const Hyperparameters& of, const std::string& where);

/// Dimensions that a rope of `of` turns.
int64_t rotary_dims(const Hyperparameters& of, const RopeParameters& rope);

}  // namespace matlora::model

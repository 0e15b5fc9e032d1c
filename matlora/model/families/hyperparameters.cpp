#include "matlora/model/families/hyperparameters.h"

#include "matlora/base/error.h"

namespace matlora::model {
namespace {

constexpr int64_t kMaxHeadDim = int64_t{1} << 16;

void check_positive(double value, const std::string& where, const char* key) {
  if (!(value > 0)) fail(where, "'", key, "': expected a positive number, got ", value);
}

void validate_yarn(const RopeParameters& rope, const std::string& where) {
  if (rope.theta <= 1) fail(where, "'rope_theta': yarn expects more than 1, got ", rope.theta);
  check_positive(rope.scaling.beta_fast, where, "beta_fast");
  check_positive(rope.scaling.beta_slow, where, "beta_slow");
}

void validate_longrope(const RopeScaling& scaling, int64_t dims, const std::string& where) {
  const auto validate_factors = [&](const char* key, const std::vector<double>& factors) {
    if (static_cast<int64_t>(factors.size()) != dims / 2) {
      fail(where, "'", key, "': expected ", dims / 2, " numbers, got ", factors.size());
    }
    for (const double factor : factors) check_positive(factor, where, key);
  };
  validate_factors("short_factor", scaling.short_factors);
  validate_factors("long_factor", scaling.long_factors);
}

void validate(const Hyperparameters& of, const RopeParameters& rope, const std::string& where) {
  check_positive(rope.theta, where, "rope_theta");
  const int64_t dims = rotary_dims(of, rope);
  if (dims < 2 || dims % 2 != 0 || dims > of.head_dim) {
    fail(where, "rotary dimensions: expected an even number in 2..", of.head_dim, ", got ", dims);
  }
  const RopeScaling& scaling = rope.scaling;
  check_positive(scaling.factor, where, "rope scaling factor");
  check_positive(scaling.attention_factor, where, "attention_factor");
  if (scaling.kind == RopeScaling::Kind::yarn) validate_yarn(rope, where);
  if (scaling.kind == RopeScaling::Kind::longrope) validate_longrope(scaling, dims, where);
  if (scaling.kind != RopeScaling::Kind::llama3) return;
  check_positive(scaling.low_freq_factor, where, "low_freq_factor");
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    fail(where, "'high_freq_factor': expected more than low_freq_factor (", scaling.low_freq_factor,
         "), got ", scaling.high_freq_factor);
  }
}

}  // namespace

void validate(const Hyperparameters& of, const std::string& where) {
  if (of.num_heads % of.num_kv_heads != 0) {
    fail(where, "the number of attention heads (", of.num_heads,
         ") is not a multiple of that of key/value heads (", of.num_kv_heads, ")");
  }
  if (of.head_dim % 2 != 0) fail(where, "head_dim: expected an even number, got ", of.head_dim);
  if (of.head_dim > kMaxHeadDim) {  // a table of this size is made before any weight is read
    fail(where, "head_dim: expected at most ", kMaxHeadDim, ", got ", of.head_dim);
  }
  check_positive(of.rms_norm_eps, where, "rms_norm_eps");
  for (const RopeParameters& rope : of.ropes) validate(of, rope, where);
  check_positive(of.embedding_scale, where, "embedding scale");
  check_positive(of.residual_scale, where, "residual scale");
  check_positive(of.logit_scale, where, "logit scale");
  for (const double cap : {of.attention_soft_cap, of.logit_soft_cap, of.attention_scale}) {
    if (cap < 0)
      fail(where, "a soft cap or attention scale: expected a positive number, got ", cap);
  }
}

int64_t rotary_dims(const Hyperparameters& of, const RopeParameters& rope) {
  return rope.dims != 0 ? rope.dims : of.head_dim;
}

const char* name(RopeScaling::Kind kind) {
  switch (kind) {
    case RopeScaling::Kind::none:
      return "none";
    case RopeScaling::Kind::linear:
      return "linear";
    case RopeScaling::Kind::llama3:
      return "llama3";
    case RopeScaling::Kind::yarn:
      return "yarn";
    case RopeScaling::Kind::longrope:
      return "longrope";
  }
  return "";
}

int64_t default_head_dim(const Hyperparameters& of, const std::string& where) {
  if (of.hidden_size % of.num_heads != 0) {
    fail(where, "hidden_size (", of.hidden_size, ") is not a multiple of the number of heads (",
         of.num_heads, "), and head_dim is not given");
  }
  return of.hidden_size / of.num_heads;
}

}  // namespace matlora::model

#include "matlora/model/families/hyperparameters.h"

#include "matlora/base/error.h"

namespace matlora::model {
namespace {

constexpr int64_t kMaxHeadDim = int64_t{1} << 16;

void check_positive(double value, const std::string& where, const char* key) {
  if (!(value > 0)) fail(where, "'", key, "': expected a positive number, got ", value);
}

void validate(const RopeParameters& rope, const std::string& where) {
  check_positive(rope.theta, where, "rope_theta");
  const RopeScaling& scaling = rope.scaling;
  check_positive(scaling.factor, where, "rope scaling factor");
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
  for (const RopeParameters& rope : of.ropes) validate(rope, where);
}

int64_t default_head_dim(const Hyperparameters& of, const std::string& where) {
  if (of.hidden_size % of.num_heads != 0) {
    fail(where, "hidden_size (", of.hidden_size, ") is not a multiple of the number of heads (",
         of.num_heads, "), and head_dim is not given");
  }
  return of.hidden_size / of.num_heads;
}

}  // namespace matlora::model

#include "matlora/model/families/ropes.h"

#include <ATen/ATen.h>

namespace matlora::model {
namespace {

nn::Rope make_rope(const Hyperparameters& of, const RopeParameters& rope) {
  const RopeScaling& scaling = rope.scaling;
  const int64_t original = scaling.original_max_position_embeddings;
  std::vector<float> frequencies = nn::rope_frequencies(rotary_dims(of, rope), rope.theta);
  nn::Rope result;
  result.scale = scaling.attention_factor;
  switch (scaling.kind) {
    case RopeScaling::Kind::none:
      break;
    case RopeScaling::Kind::linear:
      nn::scale_linear(frequencies, scaling.factor);
      break;
    case RopeScaling::Kind::llama3:
      nn::scale_llama3(frequencies, scaling.factor, scaling.low_freq_factor,
                       scaling.high_freq_factor, original);
      break;
    case RopeScaling::Kind::yarn:
      nn::scale_yarn(
          frequencies, rope.theta,
          {scaling.factor, scaling.beta_fast, scaling.beta_slow, original, scaling.truncate});
      break;
    case RopeScaling::Kind::longrope:
      std::vector<float> longer = frequencies;
      nn::divide_frequencies(longer, scaling.long_factors);
      nn::divide_frequencies(frequencies, scaling.short_factors);
      result.long_frequencies = at::tensor(longer, at::kFloat);
      result.original_length = original;
      break;
  }
  result.frequencies = at::tensor(frequencies, at::kFloat);
  return result;
}

}  // namespace

std::vector<nn::Rope> make_ropes(const Hyperparameters& of) {
  std::vector<nn::Rope> result;
  for (const RopeParameters& rope : of.ropes) result.push_back(make_rope(of, rope));
  return result;
}

}  // namespace matlora::model

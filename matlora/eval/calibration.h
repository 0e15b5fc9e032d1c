// Second moments of what an adapter's layers read, over records.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "matlora/adapter/compress.h"
#include "matlora/data/examples.h"
#include "matlora/nn/decoder.h"

namespace matlora::eval {

struct Calibration {
  adapter::Moments moments;
  int64_t tokens = 0;  // that went through the model
};

/// Runs the examples through the model with the adapter at `rank` under `gate` once, without
/// gradients, in packs of about 4096 tokens. As in training, only positions that predict a label
/// reach the last layer's o_proj and feed-forward. Memory: one [in, in] float64 matrix for each
/// distinct input (q, k, v share one; gate and up share one).
Calibration gather_moments(const nn::Decoder& decoder, const adapter::Adapter& adapter,
                           adapter::InferenceGate gate, int64_t rank,
                           std::span<const data::Example> examples, bool quiet);

/// The same in one pack, for examples of some thousand tokens. `ready` is given the moments of a
/// few layers at a time, which are dropped then: 32 MiB are held, or one matrix that is larger.
/// Returns the tokens that went through the model.
int64_t stream_moments(const nn::Decoder& decoder, const adapter::Adapter& adapter,
                       adapter::InferenceGate gate, int64_t rank,
                       std::span<const data::Example> examples,
                       const std::function<void(const adapter::Moments&)>& ready);

}  // namespace matlora::eval

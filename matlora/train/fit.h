// Fitted gates: with A and B frozen, the numbers between them that suit one rank best.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/data/examples.h"
#include "matlora/nn/decoder.h"

namespace matlora::train {

struct FitOptions {
  int64_t steps = 32;           // per rank
  double learning_rate = 2e-2;  // of AdamW, falling linearly to 0
  bool quiet = true;
};

/// Losses over all examples, in nats per label token: after <= before.
struct FittedRank {
  int64_t rank = 0;
  double before = 0, after = 0;
};

/// For each k of `ranks` (1..R) the min(k, r) gate numbers of every layer are trained by AdamW,
/// starting from the gate at inference, a pack of examples a step. Of the start, half way and the
/// end the best over all examples is kept: in `fitted` of the adapter's layers where that is not
/// the start, so no loss over the examples rises. `decoder`: the base with its weights in memory;
/// its Deltas are not used and stay. The adapter need not be attached.
std::vector<FittedRank> fit_gates(const nn::Decoder& decoder, adapter::Adapter& adapter,
                                  std::span<const int64_t> ranks,
                                  std::span<const data::Example> examples,
                                  const FitOptions& options);

}  // namespace matlora::train

// Fitted gates: with A and B frozen, the numbers between them that suit one rank best.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/data/examples.h"
#include "matlora/nn/decoder.h"

namespace matlora::train {

/// The defaults are the least work that gives most of what there is (docs/benchmarks.md).
struct FitOptions {
  int64_t steps = 8;            // per rank, a pack each
  int64_t pack_tokens = 1024;   // about
  double learning_rate = 6e-2;  // of AdamW, falling linearly to 0
  std::function<bool()> go_on;  // asked before every step; may be empty
  bool quiet = true;
};

/// Losses over the packs of the steps, in nats per label token: after <= before.
struct FittedRank {
  int64_t rank = 0;
  double before = 0, after = 0;
};

/// For each k of `ranks` (1..R) the min(k, r) gate numbers of every layer are trained by AdamW,
/// starting from the gate at inference, a pack of examples a step; of more packs than steps some
/// are taken, evenly. Of the start and the end the better over these packs is kept: in `fitted` of
/// the adapter's layers where that is the end, so no loss over them rises. `decoder`: the base with
/// its weights in memory; its Deltas are not used and stay. The adapter need not be attached. Where
/// `go_on` says no there are results of fewer ranks, and the adapter stays as it is.
std::vector<FittedRank> fit_gates(const nn::Decoder& decoder, adapter::Adapter& adapter,
                                  std::span<const int64_t> ranks,
                                  std::span<const data::Example> examples,
                                  const FitOptions& options);

}  // namespace matlora::train

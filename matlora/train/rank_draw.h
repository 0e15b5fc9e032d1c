// What is drawn while training: DyLoRA's rank of a micro-batch and nested's rank of a sequence.
// Functions of the seed and the step alone, so a run can be continued at any step, and neither
// packing nor accumulation changes them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "matlora/adapter/gate.h"
#include "matlora/base/error.h"

namespace matlora::train {

/// How often a sequence is seen at each rank, at the begin of a run and at its end; both sum to 1.
struct RankWeights {
  std::vector<int64_t> ranks;       // ascending, the last one is R
  std::vector<double> first, last;  // of each

  /// Of step `step` (from 0) of `total`: on the line from first to last, at the step's middle.
  std::vector<double> at(int64_t step, int64_t total) const;
};

/// Reads "full:0.5", "1:0.25,2:0.25,full:0.5" or "full:0.8..0.4": one weight, or those of the begin
/// and the end. What is not named shares the rest alike. The ranks are the rule's train ranks and
/// R. Throws UserError at `where` for a rank that is not one of them, a rank named twice, a weight
/// outside 0..1, and weights whose sum is not 1 (or above it where some are not named), at the
/// begin or the end, and for a rule that adapter::checked refuses. With R as the only rank the text
/// says nothing.
RankWeights parse_rank_weights(const std::string& text, const adapter::GateRule& rule,
                               const std::string& where);

/// DyLoRA's rank of one micro-batch of one step, uniform over the train ranks. Throws UserError
/// where there is none, and for a rule that adapter::checked refuses.
int64_t draw_rank(const adapter::GateRule& rule, uint64_t seed, int64_t step, size_t micro);

/// The ranks of the `count` sequences of one step. Stratified: each rank comes floor or ceil of
/// count times its weight times, for some order of the ranks (systematic sampling, Madow 1949);
/// which sequence has which is a random permutation. weights: of each of `ranks`, their sum is 1.
std::vector<int64_t> draw_ranks(std::span<const int64_t> ranks, std::span<const double> weights,
                                uint64_t seed, int64_t step, size_t count);

}  // namespace matlora::train

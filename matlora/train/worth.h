// What each direction of an adapter takes off the loss.
#pragma once

#include <span>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/adapter/compress.h"
#include "matlora/data/examples.h"
#include "matlora/nn/decoder.h"

namespace matlora::train {

/// For each layer, in order: its directions' shares of loss(base) - loss(adapter at full rank) over
/// the examples, in nats per label token. The share of direction i is the integral over t in 0..1
/// of -g_i dloss/dg_i at the gate t·g (Aumann and Shapley 1974; integrated gradients, arXiv
/// 1703.01365), by Gauss and Legendre's rule of three points: three passes forward and back. Shares
/// add up to the whole within the rule's error, and may be negative. `decoder`: the base with its
/// weights in memory; its Deltas are not used and stay.
std::vector<std::vector<double>> direction_worth(const nn::Decoder& decoder,
                                                 const adapter::Adapter& adapter,
                                                 std::span<const data::Example> examples,
                                                 bool quiet);

/// The same of re-nested layers under gate 1, with what a direction costs.
std::vector<adapter::LayerWorth> worth_by_loss(const nn::Decoder& decoder,
                                               const adapter::Renested& nested,
                                               std::span<const data::Example> examples, bool quiet);

}  // namespace matlora::train

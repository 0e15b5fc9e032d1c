// A frozen adapter on a model, with the numbers between A and B free to be learned or asked for
// their gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/data/examples.h"
#include "matlora/data/packing.h"
#include "matlora/nn/decoder.h"

namespace matlora::train {

using Gates = std::vector<at::Tensor>;  // of the adapter's layers, [min(k, r)] float32 each

/// One leaf per layer, the gate of rank k at inference.
Gates gates_of_rank(const adapter::Adapter& adapter, int64_t k, at::Device device);

/// `decoder` (its weights in memory) with the first directions of the adapter and nothing else on
/// it, as many as a layer's gate has numbers. The gates are read in every pass.
nn::Decoder gated(const nn::Decoder& decoder, const adapter::Adapter& adapter, const Gates& gates);

/// The examples in packs of about so many tokens.
std::vector<data::Pack> packs_of(std::span<const data::Example> examples, int64_t tokens,
                                 at::Device device);

/// [M] nats, of the label tokens of a pack.
at::Tensor losses_of(const nn::Decoder& model, const data::Pack& pack);

}  // namespace matlora::train

// An adapter: a pair of matrices for each of a model's target layers, and the rule of its gates.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "matlora/adapter/gate.h"
#include "matlora/adapter/plan.h"
#include "matlora/nn/decoder.h"

namespace matlora::adapter {

/// r directions of one layer: r = R, or fewer where the adapter has ranks per layer (then rank k is
/// the first min(k, r) of them).
struct LayerAdapter {
  std::string layer;  // as for_each_linear names it
  at::Tensor a;       // [r, in] float32
  at::Tensor b;       // [out, r] float32
  /// Gates that this layer has alone, by rank k (`compress --fit`): min(k, r) numbers each.
  std::map<int64_t, std::vector<double>> fitted = {};

  int64_t rank() const { return a.size(0); }
};

/// The gate of `layer` at rank k (1..R) at inference: min(k, r) numbers.
std::vector<double> layer_gate(const LayerAdapter& layer, const GateRule& rule, int64_t k,
                               InferenceGate how);

struct Adapter {
  GateRule rule;
  InferenceGate inference_gate = InferenceGate::paper;
  std::vector<LayerAdapter> layers;

  /// Numbers in A and B at rank k, or at the ranks of a plan.
  int64_t parameters(int64_t k) const { return parameters(RankPlan{k}); }
  int64_t parameters(const RankPlan& plan) const;
};

/// How A begins: uniform in ±1/√R (`paper`) or in ±1/√in (`kaiming`, PEFT's). B is zero.
enum class Init { paper, kaiming };
Init parse_init(const std::string& text, const std::string& where);

/// The last part of a layer's name: `q_proj` of `model.layers.0.self_attn.q_proj`.
std::string module_name(const std::string& layer);

/// The names that `targets` may hold for this model: q_proj, .., down_proj.
std::vector<std::string> target_names(nn::Decoder& model);

/// New matrices for every layer whose last name part is in `targets` ("all-linear": every one),
/// drawn from a generator seeded with `seed`; the same for the same seed on every machine. Throws
/// UserError (naming --target-modules or --rank) for an unknown target, with the nearest known one,
/// and for a rank above a target layer's smaller side.
std::vector<LayerAdapter> new_layers(nn::Decoder& model, std::span<const std::string> targets,
                                     int64_t rank, Init init, uint64_t seed);

/// A linear layer inside a model.
struct LayerShape {
  std::string name;
  int64_t in = 0, out = 0;
};
std::vector<LayerShape> layer_shapes(nn::Decoder& model);

/// Throws UserError at `where` when a layer of the adapter is not among `layers` (saying so of the
/// head and the embedding, which no adapter can be on) or its shapes do not fit.
void check_fits(std::span<const LayerShape> layers, const Adapter& adapter,
                const std::string& where);
void check_fits(nn::Decoder& model, const Adapter& adapter, const std::string& where);

/// Throws UserError at `where` for ranks outside 0..R and for a layer that the adapter lacks.
void check_plan(const RankPlan& plan, const Adapter& adapter, const std::string& where);

}  // namespace matlora::adapter

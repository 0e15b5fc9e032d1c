// Adapters on one model, each at one rank or several: what nn's Variant means. The model and
// the adapters stay as they are, so rows of one pass may use different ranks and adapters.
#pragma once

#include <memory>
#include <string>

#include "matlora/adapter/attach.h"
#include "matlora/adapter/plan.h"
#include "matlora/nn/decoder.h"

namespace matlora::adapter {

/// One thread at a time, and none while the model runs.
class Bank {
 public:
  /// Takes the place of the model's Deltas. The bank may end before the model does.
  explicit Bank(nn::Decoder& model);

  /// `adapter` at the ranks of `plan` under `gate`; its matrices are shared, not copied. The first
  /// one is nn::kFirstVariant; no number comes twice. Rank 0 everywhere is the base: 0. Throws what
  /// check_plan and check_fits throw.
  nn::Variant add(const Adapter& adapter, const RankPlan& plan, InferenceGate gate,
                  const std::string& where = "adapter");

  /// Its rows compute what the base does from now on, and its memory is free.
  void remove(nn::Variant variant);

 private:
  class Change;
  struct Variants;
  std::shared_ptr<Variants> variants_;
};

/// A copy of `model`, sharing its weights, on which kFirstVariant is `adapter` at `rank`.
nn::Decoder with_adapter(const nn::Decoder& model, const Adapter& adapter, int64_t rank,
                         InferenceGate gate, const std::string& where = "adapter");
/// The same at the ranks of a plan.
nn::Decoder with_adapter(const nn::Decoder& model, const Adapter& adapter, const RankPlan& plan,
                         InferenceGate gate, const std::string& where = "adapter");

}  // namespace matlora::adapter

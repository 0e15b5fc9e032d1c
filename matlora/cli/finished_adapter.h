// What a training run gives: the adapter as it is written.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "matlora/adapter/attach.h"
#include "matlora/model/adapter_io.h"
#include "matlora/nn/decoder.h"
#include "matlora/train/trainer.h"

namespace matlora::cli {

/// Nested's gate multiplied into B, so that every reader computes what was trained; other methods'
/// adapters as they are.
adapter::Adapter shipped(const adapter::Adapter& adapter);

/// The first so many directions that `--nest nest` puts in order, 0: none of them. `svd`: all.
/// `auto`: of nested those of the largest rank below R that is trained (all, where none is), of
/// other methods none. Throws UserError for another word.
int64_t directions_to_order(const std::string& nest, const adapter::GateRule& rule,
                            const std::string& rank_weights);

struct FinishedAdapter {
  adapter::Adapter adapter;
  std::optional<model::Compression> made;  // how it was re-nested
};

/// The trained adapter with its first `first` directions re-nested (adapter/compress.h), weighted
/// by the inputs of the last steps' examples. Throws
/// UserError at `where` where it cannot be: one that changes nothing, for example.
FinishedAdapter renested(const nn::Decoder& decoder, const adapter::Adapter& adapter,
                         const train::Trainer& trainer, int64_t first, const std::string& where);

/// Gates of the ranks below R that `rule` trains, fitted on the run's last examples (train/fit.h),
/// all together from half as many tokens as the run's at most; says each rank's loss. False where
/// `go_on` ended it, with the adapter as it was.
bool fit_finished(const nn::Decoder& decoder, const adapter::GateRule& rule,
                  const train::Trainer& trainer, const std::function<bool()>& go_on, bool quiet,
                  adapter::Adapter& adapter);

}  // namespace matlora::cli

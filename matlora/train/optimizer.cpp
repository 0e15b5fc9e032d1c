#include "matlora/train/optimizer.h"

#include <c10/core/GradMode.h>

#include <array>

#include "matlora/base/error.h"
#include "matlora/train/optimizers/factories.h"

namespace matlora::train {
namespace {

constexpr std::array kOptimizers = {
    OptimizerKind{"adamw", make_adamw},
    OptimizerKind{"sgd", make_sgd},
};

}  // namespace

std::span<const OptimizerKind> optimizers() { return kOptimizers; }

const OptimizerKind& optimizer_named(const std::string& name, const std::string& where) {
  std::string known;
  for (const OptimizerKind& kind : optimizers()) {
    if (name == kind.name) return kind;
    known += cat(known.empty() ? "" : "|", kind.name);
  }
  fail(where, "unknown value '", printable(name), "'; expected ", known);
}

void copy_state(const std::vector<OptimizerState>& from, const std::vector<OptimizerState>& into) {
  const c10::NoGradGuard no_grad;
  check(from.size() == into.size(), "optimizer: a state of another kind");
  for (size_t i = 0; i < from.size(); ++i) {
    check(from[i].name == into[i].name && from[i].values.size() == into[i].values.size(),
          "optimizer: a state of another kind, or of another number of parameters");
    for (size_t j = 0; j < from[i].values.size(); ++j) {
      into[i].values[j].copy_(from[i].values[j]);
    }
  }
}

}  // namespace matlora::train

// Which modules a PEFT adapter is for: target_modules, exclude_modules, layers_to_transform and
// layers_pattern (PEFT 0.21.2, peft/tuners/tuners_utils.py, check_target_module_exists).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/regex.h"

namespace matlora::model {

class PeftTargets {
 public:
  /// Names nothing.
  PeftTargets() = default;
  /// Throws UserError for a value of another type than PEFT takes, and for an expression that does
  /// not compile.
  explicit PeftTargets(const JsonObject& config);

  /// Whether PEFT would put an adapter on `module`, such as "model.layers.0.self_attn.q_proj".
  bool names(const std::string& module) const;

  /// The entries of a list of target_modules; none where it is an expression.
  const std::set<std::string>& listed() const { return targets_.endings; }

 private:
  /// A list of names or ends of names, or one expression for whole names.
  struct Modules {
    std::set<std::string> endings;
    std::optional<text::Regex> expression;
    bool linear = false;  // "all-linear"
    bool fit(const std::string& module) const;
  };
  static Modules read(const JsonObject& config, const std::string& key);
  void read_blocks(const JsonObject& config);
  bool in_blocks(const std::string& module) const;

  Modules targets_, excluded_;
  std::set<int64_t> blocks_;          // layers_to_transform; empty: all
  std::vector<text::Regex> indices_;  // group 1 of a match is the block's number
};

/// Which of `candidates`, the base model's modules, the targets name and no layer has.
std::vector<std::string> missing_layers(const PeftTargets& targets,
                                        const std::vector<adapter::LayerAdapter>& layers,
                                        const std::vector<std::string>& candidates);

/// The same without a base model: of every block up to the last one that the adapter has, each
/// module that it has in some block; and listed targets of which it has none.
std::vector<std::string> missing_layers(const PeftTargets& targets,
                                        const std::vector<adapter::LayerAdapter>& layers);

}  // namespace matlora::model

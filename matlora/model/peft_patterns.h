// PEFT's rank_pattern and alpha_pattern: r and lora_alpha of single modules. A key is a regular
// expression; it names a module when `(.*\.)?(KEY)` is its whole name (PEFT 0.21.2,
// peft/utils/other.py, get_pattern_key).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/text/regex.h"

namespace matlora::model {

class PeftPattern {
 public:
  /// `config`'s object `key`: expression -> number above 0; absent or empty: no module is named.
  /// Throws UserError for a value that is not such a number and an expression that does not
  /// compile.
  PeftPattern(const JsonObject& config, const std::string& key);

  bool empty() const { return entries_.empty(); }

  /// The number of `module`, or `fallback`. PEFT takes the first key in the file's order, which
  /// JSON does not promise: UserError where two keys name the module and their numbers differ.
  double of(const std::string& module, double fallback) const;

 private:
  struct Entry {
    std::string key;
    text::Regex regex;
    double value;
  };
  std::string where_;
  std::vector<Entry> entries_;
};

}  // namespace matlora::model

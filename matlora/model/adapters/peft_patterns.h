// PEFT's rank_pattern and alpha_pattern: r and lora_alpha of single modules. A key is a regular
// expression; it names a module when `(.*\.)?(KEY)` is its whole name (PEFT 0.21.2,
// peft/utils/other.py, get_pattern_key).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/text/regex.h"

namespace matlora::model {

class PeftPattern {
 public:
  /// `config`'s object `key`: expression -> number above 0; absent or empty: no module is named.
  /// Throws UserError for a value that is not such a number and an expression that does not
  /// compile.
  /// `order`: its keys as the file has them, where they are known: then the first one that names a
  /// module decides, as in PEFT.
  PeftPattern(const JsonObject& config, const std::string& key,
              const std::vector<std::string>& order = {});

  bool empty() const { return entries_.empty(); }

  /// The number of `module`, or `fallback`. Without the keys' order: UserError where two keys name
  /// the module and their numbers differ.
  /// UserError, too, where one expression takes too many steps, or all of them on all modules take
  /// more than any adapter needs (kMaxWork): a file could keep the reader busy for days. Keys
  /// without operators, such as whole names, are looked up, not searched. One thread at a time.
  double of(const std::string& module, double fallback) const;

  /// What all of() so far have cost: about the bytes of names and expressions that were compared.
  int64_t work() const { return work_; }

  /// A second, or a minute at the very worst. Ten thousand layers with a hundred expressions fit.
  static constexpr int64_t kMaxWork = 400'000'000;

 private:
  struct Entry {
    std::string key;
    double value;
  };
  struct Expression {
    size_t entry;
    text::Regex regex;
  };
  /// Keys of letters, digits, _, - and dots that have one length and their dots, which are any
  /// character each, at the same places.
  struct Shape {
    std::vector<size_t> dots;
    size_t length;
    std::unordered_map<std::string, size_t> entries;  // by key
  };

  void add_plain(const std::string& key, size_t entry);
  void look_up(const std::string& module, std::vector<size_t>& found) const;
  void search(const std::string& module, std::vector<size_t>& found) const;
  void count(size_t work) const;

  void add(const std::string& key, const Json& value);

  std::string where_;
  bool ordered_;
  std::vector<Entry> entries_;
  std::vector<Expression> expressions_;
  std::vector<Shape> shapes_;
  std::unordered_map<std::string, size_t> shape_of_;  // by a key with all but its dots masked
  mutable int64_t work_ = 0;
};

/// The keys of the object `key` of a JSON object, in the order of `text`, which is valid JSON.
std::vector<std::string> keys_in_order(const std::string& text, const std::string& key);

}  // namespace matlora::model

#include "matlora/text/load/gguf_specials.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "matlora/base/error.h"

namespace matlora::text {
namespace {

/// What a token's text makes of it. The first five are control tokens, the first four end a
/// generation.
enum class Role { kEnd, kPad, kRepository, kSeparator, kInfill, kShown };

using Roles = std::unordered_map<std::string_view, Role>;

Roles make_roles() {
  Roles roles;
  const auto add = [&](Role role, std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts) roles.emplace(text, role);
  };
  add(Role::kEnd, {"<|eot_id|>",
                   "<|im_end|>",
                   "<|end|>",
                   "<|return|>",
                   "<|call|>",
                   "<|flush|>",
                   "<|calls|>",
                   "<end_of_turn>",
                   "</s>",
                   "<|endoftext|>",
                   "<|eom_id|>",
                   "<EOT>",
                   "_<EOT>",
                   "[EOT]",
                   "[EOS]",
                   "<|end_of_text|>",
                   "<eos>",
                   "<turn|>",
                   "<|tool_response>",
                   "<end_of_utterance>",
                   "[e~[",
                   "<｜end▁of▁sentence｜>"});
  add(Role::kPad, {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"});
  add(Role::kRepository, {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"});
  add(Role::kSeparator, {"<|file_sep|>"});
  add(Role::kInfill, {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>",
                      "▁<PRE>", "<|code_prefix|>", "<|prefix|>"});
  add(Role::kInfill, {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>",
                      "▁<SUF>", "<|code_suffix|>", "<|suffix|>"});
  add(Role::kInfill, {"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>",
                      "▁<MID>", "<|code_middle|>", "<|middle|>"});
  add(Role::kShown, {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"});
  return roles;
}

std::optional<Role> role_of(std::string_view text) {
  static const Roles roles = make_roles();
  const auto found = roles.find(text);
  return found == roles.end() ? std::nullopt : std::optional(found->second);
}

struct KeyedEnd {
  const char* name;  // in tokenizer.ggml.NAME_token_id
  const std::optional<int64_t>& id;
};

std::array<KeyedEnd, 6> keyed_ends(const GgufVocabulary& source) {
  return {{{"eos", source.eos_token_id},
           {"eot", source.eot_token_id},
           {"eom", source.eom_token_id},
           {"fim_pad", source.fim_pad_token_id},
           {"fim_rep", source.fim_rep_token_id},
           {"fim_sep", source.fim_sep_token_id}}};
}

class Finder {
 public:
  explicit Finder(const GgufVocabulary& source) : source_(source), types_(source.token_types) {
    if (types_.empty()) types_.assign(source.tokens.size(), kNormalToken);
    if (types_.size() != source.tokens.size()) {
      fail(source.where, "tokenizer.ggml.token_type: expected ", source.tokens.size(),
           " numbers, one for each token, got ", types_.size());
    }
  }

  GgufSpecials find() {
    for (const KeyedEnd& end : keyed_ends(source_)) {
      if (end.id) add_keyed(end.name, *end.id);
    }
    pad_known_ = source_.fim_pad_token_id.has_value();
    repository_known_ = source_.fim_rep_token_id.has_value();
    separator_known_ = source_.fim_sep_token_id.has_value();
    for (size_t id = 0; id < source_.tokens.size(); ++id) {
      if (const auto role = role_of(source_.tokens[id])) add(static_cast<int32_t>(id), *role);
    }
    take_back();
    return {std::move(types_), in_order()};
  }

 private:
  void add_keyed(const char* name, int64_t id) {
    if (id < 0 || static_cast<uint64_t>(id) >= source_.tokens.size()) {
      fail(source_.where, "tokenizer.ggml.", name, "_token_id: expected less than ",
           source_.tokens.size(), ", got ", id);
    }
    ends_.insert(static_cast<int32_t>(id));
  }

  void add(int32_t id, Role role) {
    int64_t& type = types_[static_cast<size_t>(id)];
    if (role == Role::kShown) {
      type = kUserDefinedToken;
      return;
    }
    if (role == Role::kPad && std::exchange(pad_known_, true)) return;
    if (role == Role::kRepository && std::exchange(repository_known_, true)) return;
    if (role == Role::kSeparator && std::exchange(separator_known_, true)) return;
    type = kControlToken;
    if (role != Role::kInfill) ends_.insert(id);
  }

  /// An end of that text, or -1.
  int32_t end_named(std::string_view text) const {
    const auto found = std::find_if(ends_.begin(), ends_.end(), [&](int32_t id) {
      return source_.tokens[static_cast<size_t>(id)] == text;
    });
    return found == ends_.end() ? -1 : *found;
  }

  void remove(int32_t id, int64_t type) {
    if (id < 0) return;
    ends_.erase(id);
    types_[static_cast<size_t>(id)] = type;
  }

  /// Some texts end nothing where certain others are: gpt-oss's, Solar's and Gemma 4's.
  void take_back() {
    const auto has = [&](std::string_view text) { return end_named(text) >= 0; };
    const bool calls = has("<|call|>") || has("<|calls|>");
    if (calls && (has("<|return|>") || has("<|flush|>"))) {
      remove(end_named("<|end|>"), kUserDefinedToken);
    }
    if (has("<|tool_response>")) remove(end_named("</s>"), kNormalToken);
  }

  std::vector<int32_t> in_order() const {
    std::vector<int32_t> order;
    const auto add_once = [&](int32_t id) {
      if (ends_.count(id) != 0 && std::find(order.begin(), order.end(), id) == order.end()) {
        order.push_back(id);
      }
    };
    for (const KeyedEnd& end : keyed_ends(source_)) {
      if (end.id) add_once(static_cast<int32_t>(*end.id));
    }
    for (const int32_t id : ends_) add_once(id);
    return order;
  }

  const GgufVocabulary& source_;
  std::vector<int64_t> types_;
  std::set<int32_t> ends_;
  bool pad_known_ = false, repository_known_ = false, separator_known_ = false;
};

}  // namespace

GgufSpecials gguf_specials(const GgufVocabulary& vocabulary) { return Finder(vocabulary).find(); }

bool always_adds_bos(const GgufVocabulary& vocabulary) {
  const bool gemma = vocabulary.model == "gemma4" || vocabulary.pre == "gemma4";
  return gemma && vocabulary.bos_token_id.has_value();
}

bool adds_bos_by_default(const GgufVocabulary& vocabulary) {
  const bool adds =
      vocabulary.model == "llama" || vocabulary.pre == "llama-bpe" || vocabulary.pre == "tekken";
  return adds && vocabulary.bos_token_id.has_value();
}

}  // namespace matlora::text

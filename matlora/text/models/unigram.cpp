// Unigram: of all ways to write a piece in tokens, the one with the highest sum of scores.
#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/byte_tokens.h"
#include "matlora/text/load/stage.h"
#include "matlora/text/models/kinds.h"
#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

constexpr double kUnknownPenalty = 10;  // an unknown character is worth the lowest score less this

/// Tokens in the order of their bytes; those that a text begins with are found byte by byte.
class PrefixTable {
 public:
  void add(std::string_view token, int32_t id) { tokens_.emplace_back(token, id); }
  void finish() { std::sort(tokens_.begin(), tokens_.end()); }

  /// Calls `found(size, id)` for each token that `text` begins with, shortest first.
  template <class Found>
  void find(std::string_view text, Found found) const {
    auto begin = tokens_.begin(), end = tokens_.end();
    for (size_t depth = 0; depth < text.size(); ++depth) {
      const auto byte = static_cast<unsigned char>(text[depth]);
      const auto at = [depth](const Token& token) {
        return static_cast<unsigned char>(token.first[depth]);
      };
      begin = std::partition_point(begin, end, [&](const Token& t) { return at(t) < byte; });
      end = std::partition_point(begin, end, [&](const Token& t) { return at(t) == byte; });
      if (begin == end) return;
      if (begin->first.size() == depth + 1) {
        found(depth + 1, begin->second);
        if (++begin == end) return;
      }
    }
  }

 private:
  using Token = std::pair<std::string_view, int32_t>;
  std::vector<Token> tokens_;
};

class Unigram : public Model {
 public:
  Unigram(const Vocabulary& vocabulary, std::vector<double> scores,
          std::optional<int32_t> unknown_id, bool byte_fallback)
      : tokens_(vocabulary.ids()),
        scores_(std::move(scores)),
        unknown_id_(unknown_id),
        byte_fallback_(byte_fallback),
        byte_ids_(byte_token_ids(vocabulary)) {
    for (const auto& [content, id] : tokens_) {
      if (!content.empty()) prefixes_.add(content, id);
    }
    prefixes_.finish();
    double lowest = std::numeric_limits<double>::infinity();
    for (const double score : scores_) lowest = std::min(lowest, score);
    unknown_score_ = lowest - kUnknownPenalty;
  }

  /// Neighbouring unknown characters are one stretch.
  void encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    const std::vector<Node> nodes = best_paths(piece);
    std::vector<std::pair<size_t, size_t>> stretches;  // last first
    bool after_unknown = false;
    for (size_t end = piece.size(); end > 0;) {
      const Node& node = nodes[end];
      const bool unknown = node.id == unknown_id_;
      if (unknown && after_unknown) {
        stretches.back().first = node.begin;
      } else {
        stretches.emplace_back(node.begin, end);
      }
      after_unknown = unknown;
      end = node.begin;
    }
    for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
      add_ids(piece.substr(stretch->first, stretch->second - stretch->first), ids);
    }
  }

  bool in_bytes() const override { return false; }

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  /// The best way to write the piece up to some byte: its score, and its last token.
  struct Node {
    double score = 0;
    size_t begin = kNone;
    int32_t id = 0;
  };

  /// Of equal scores the first found stays: by where the last token begins, from the left.
  std::vector<Node> best_paths(std::string_view piece) const {
    std::vector<Node> nodes(piece.size() + 1);
    for (size_t begin = 0, next = 0; begin < piece.size(); begin = next) {
      next_code_point(piece, next);
      const double score = nodes[begin].score;
      const auto offer = [&](size_t end, double total, int32_t id) {
        Node& node = nodes[end];
        if (node.begin == kNone || total > node.score) node = {total, begin, id};
      };
      bool known = false;  // the character by itself
      prefixes_.find(piece.substr(begin), [&](size_t size, int32_t id) {
        offer(begin + size, scores_[static_cast<size_t>(id)] + score, id);
        known |= begin + size == next;
      });
      if (known) continue;
      const double total = unknown_score_ + score;
      if (nodes[next].begin != kNone && total <= nodes[next].score) continue;
      offer(next, total, require_unknown(piece.substr(begin, next - begin)));
    }
    return nodes;
  }

  int32_t require_unknown(std::string_view text) const {
    return unknown_id_ ? *unknown_id_ : fail_without_unknown(text);
  }

  void add_ids(std::string_view stretch, std::vector<int32_t>& ids) const {
    if (const auto token = tokens_.find(stretch); token != tokens_.end()) {
      ids.push_back(token->second);
    } else if (byte_fallback_ && has_byte_tokens(byte_ids_, stretch)) {
      for (const char byte : stretch) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    } else {
      ids.push_back(require_unknown(stretch));
    }
  }

  StringIds tokens_;
  std::vector<double> scores_;  // by id
  std::optional<int32_t> unknown_id_;
  bool byte_fallback_;
  ByteIds byte_ids_;
  PrefixTable prefixes_;  // of the keys of tokens_
  double unknown_score_ = 0;
};

/// "vocab": [[token, score], ..], index = id.
std::vector<double> read_scored_tokens(const JsonObject& part, Vocabulary& vocabulary) {
  std::vector<double> scores;
  for (const Json& entry : array_of(part, "vocab")) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      fail(part.where(), "'vocab': token ", scores.size(), ": expected [token, score], got ",
           printable(entry.dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
    vocabulary.add_equal(entry[0].get<std::string>(), static_cast<int64_t>(scores.size()));
    scores.push_back(entry[1].get<double>());
  }
  return scores;
}

}  // namespace

std::unique_ptr<const Model> read_unigram(const JsonObject& part, bool, Vocabulary& vocabulary) {
  std::vector<double> scores = read_scored_tokens(part, vocabulary);
  std::optional<int32_t> unknown_id;
  if (part.find("unk_id") != nullptr) {
    const auto most = static_cast<int64_t>(scores.size()) - 1;
    unknown_id = static_cast<int32_t>(part.integer("unk_id", 0, most));
  }
  return std::make_unique<Unigram>(vocabulary, std::move(scores), unknown_id,
                                   part.boolean_or("byte_fallback", false));
}

}  // namespace matlora::text

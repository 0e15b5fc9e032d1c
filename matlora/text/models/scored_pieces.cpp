#include "matlora/text/models/scored_pieces.h"

#include <queue>
#include <utility>

#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

constexpr size_t kNone = static_cast<size_t>(-1);

/// A pair of neighbours that would make a token.
struct Candidate {
  float score;
  size_t left, right;  // symbols
  size_t size;         // bytes of both; another size by now means that one was joined elsewhere

  /// The highest score first, of equal ones the leftmost.
  bool operator<(const Candidate& other) const {
    return score < other.score || (score == other.score && left > other.left);
  }
};

/// A stretch of the piece in a linked list; empty once it was joined to its left neighbour.
struct Symbol {
  std::string_view text;
  size_t previous, next;
};

std::vector<Symbol> characters(std::string_view piece) {
  std::vector<Symbol> symbols;
  for (size_t offset = 0; offset < piece.size();) {
    const size_t begin = offset, index = symbols.size();
    next_code_point(piece, offset);
    const size_t next = offset == piece.size() ? kNone : index + 1;
    symbols.push_back({piece.substr(begin, offset - begin), index == 0 ? kNone : index - 1, next});
  }
  return symbols;
}

}  // namespace

ScoredPieces::ScoredPieces(const Vocabulary& vocabulary, std::vector<float> scores,
                           int32_t unknown_id)
    : tokens_(vocabulary.ids()),
      scores_(std::move(scores)),
      byte_ids_(byte_token_ids(vocabulary)),
      unknown_id_(unknown_id) {}

void ScoredPieces::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  std::vector<Symbol> symbols = characters(piece);
  std::priority_queue<Candidate> queue;
  const auto propose = [&](size_t left, size_t right) {
    if (left == kNone || right == kNone) return;
    const size_t size = symbols[left].text.size() + symbols[right].text.size();
    const auto token = tokens_.find(std::string_view(symbols[left].text.data(), size));
    if (token == tokens_.end()) return;
    queue.push({scores_[static_cast<size_t>(token->second)], left, right, size});
  };
  for (size_t i = 1; i < symbols.size(); ++i) propose(i - 1, i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.left];
    Symbol& right = symbols[best.right];
    if (left.text.empty() || right.text.empty()) continue;
    if (left.text.size() + right.text.size() != best.size) continue;
    left.text = std::string_view(left.text.data(), best.size);
    right.text = {};
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = best.left;
    propose(left.previous, best.left);
    propose(best.left, left.next);
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.text.empty()) continue;
    if (const auto token = tokens_.find(symbol.text); token != tokens_.end()) {
      ids.push_back(token->second);
      continue;
    }
    for (const char byte : symbol.text) {
      const int32_t id = byte_ids_[static_cast<unsigned char>(byte)];
      ids.push_back(id < 0 ? unknown_id_ : id);
    }
  }
}

}  // namespace matlora::text

// WordPiece: the longest token that a piece begins with, then the longest of the rest, and so on.
// Tokens that continue a piece begin with a prefix.
#include "matlora/base/json.h"
#include "matlora/text/models/bpe_json.h"
#include "matlora/text/models/kinds.h"
#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

class WordPiece : public Model {
 public:
  WordPiece(const Vocabulary& vocabulary, const std::string& unknown, std::string prefix,
            size_t most_characters)
      : tokens_(vocabulary.ids()),
        unknown_id_(vocabulary.id(unknown)),
        prefix_(std::move(prefix)),
        most_characters_(most_characters) {
    for (const auto& [content, id] : tokens_) longest_ = std::max(longest_, content.size());
  }

  /// A piece that has a part without token, or too many characters, is one unknown token.
  void encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    const size_t known = ids.size();
    if (characters(piece) <= most_characters_ && add_tokens(piece, ids)) return;
    ids.resize(known);
    ids.push_back(unknown_id_ ? *unknown_id_ : fail_without_unknown(piece));
  }

  bool in_bytes() const override { return false; }

 private:
  static size_t characters(std::string_view text) {
    size_t count = 0;
    for (size_t offset = 0; offset < text.size(); ++count) next_code_point(text, offset);
    return count;
  }

  bool add_tokens(std::string_view piece, std::vector<int32_t>& ids) const {
    for (size_t begin = 0; begin < piece.size();) {
      std::string word = begin == 0 ? "" : prefix_;
      const size_t prefix = word.size();
      word += piece.substr(begin, longest_);
      auto token = tokens_.find(word);
      while (token == tokens_.end() && word.size() > prefix) {
        do word.pop_back();  // a character
        while (word.size() > prefix && is_cut(piece, begin + word.size() - prefix));
        if (word.size() > prefix) token = tokens_.find(word);
      }
      if (token == tokens_.end()) return false;
      ids.push_back(token->second);
      begin += word.size() - prefix;
    }
    return true;
  }

  /// Whether `offset` is within a character of `text`.
  static bool is_cut(std::string_view text, size_t offset) {
    return offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80;
  }

  StringIds tokens_;
  std::optional<int32_t> unknown_id_;
  std::string prefix_;
  size_t most_characters_;
  size_t longest_ = 0;  // bytes of a token
};

}  // namespace

std::unique_ptr<const Model> read_word_piece(const JsonObject& part, bool, Vocabulary& vocabulary) {
  read_vocabulary(part, vocabulary);
  const int64_t most = part.integer("max_input_chars_per_word", 0, INT64_MAX);
  return std::make_unique<WordPiece>(vocabulary, part.string("unk_token"),
                                     part.string("continuing_subword_prefix"),
                                     static_cast<size_t>(most));
}

}  // namespace matlora::text

// WordLevel: every piece is a token or unknown.
#include "matlora/base/json.h"
#include "matlora/text/models/bpe_json.h"
#include "matlora/text/models/kinds.h"

namespace matlora::text {
namespace {

class WordLevel : public Model {
 public:
  WordLevel(const Vocabulary& vocabulary, const std::string& unknown)
      : tokens_(vocabulary.ids()), unknown_id_(vocabulary.id(unknown)) {}

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    const auto token = tokens_.find(piece);
    if (token != tokens_.end()) {
      ids.push_back(token->second);
    } else {
      ids.push_back(unknown_id_ ? *unknown_id_ : fail_without_unknown(piece));
    }
  }

  bool in_bytes() const override { return false; }

 private:
  StringIds tokens_;
  std::optional<int32_t> unknown_id_;
};

}  // namespace

std::unique_ptr<const Model> read_word_level(const JsonObject& part, bool, Vocabulary& vocabulary) {
  read_vocabulary(part, vocabulary);
  return std::make_unique<WordLevel>(vocabulary, part.string("unk_token"));
}

}  // namespace matlora::text

#include "matlora/text/tokenizer.h"

#include <unordered_map>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"
#include "matlora/text/stages.h"

namespace matlora::text {

struct Tokenizer::Impl {
  explicit Impl(Stages from);

  void add_tokens();
  void make_decoded();
  void validate_post_processor() const;
  void encode_section(Piece text, std::vector<int32_t>& ids) const;
  void encode_normalized(Piece text, std::vector<int32_t>& ids) const;
  std::string in_text(const AddedToken& token) const;

  Stages stages;  // the vocabulary has the added tokens too
  AddedTokenFinder raw_finder, normalized_finder;
  struct Decoded {
    std::string bytes;
    bool special = false;
  };
  std::unordered_map<int32_t, Decoded> decoded;  // by id
};

namespace {

/// `section` of `whole`.
Piece piece_of(const Section& section, const Piece& whole) {
  const auto offset = static_cast<size_t>(section.text.data() - whole.text.data());
  return {section.text, whole.start > offset ? whole.start - offset : 0};
}

}  // namespace

Tokenizer::Impl::Impl(Stages from) : stages(std::move(from)) {
  add_tokens();
  make_decoded();
  validate_post_processor();
}

/// How an added token is written in the text in which it is looked for.
std::string Tokenizer::Impl::in_text(const AddedToken& token) const {
  return token.normalized ? stages.normalizer.run(token.content) : token.content;
}

void Tokenizer::Impl::add_tokens() {
  for (const AddedToken& token : stages.added) {
    const bool known = stages.vocabulary.content(token.id) == token.content;
    if (!known) stages.vocabulary.add(token.content, token.id);
  }
  for (const AddedToken& token : stages.added) {
    (token.normalized ? normalized_finder : raw_finder).add(in_text(token), token);
  }
}

void Tokenizer::Impl::make_decoded() {
  decoded.reserve(stages.vocabulary.contents().size());
  for (const auto& [id, content] : stages.vocabulary.contents()) {
    decoded[id].bytes = stages.decoder.token_bytes(*content);
  }
  for (const AddedToken& token : stages.added) {
    Decoded& entry = decoded[token.id];
    entry.special = token.special;
    const std::string bytes = stages.decoder.token_bytes(token.content);
    const bool from_bytes =
        stages.decoder.keeps_added_tokens() && encodes_as(*stages.model, bytes, token.id);
    entry.bytes = from_bytes ? bytes : stages.decoder.added_token_bytes(in_text(token));
  }
}

void Tokenizer::Impl::validate_post_processor() const {
  const int64_t size = stages.vocabulary.size();
  for (const auto* ids : {&stages.post_processor.prefix(), &stages.post_processor.suffix()}) {
    for (const int32_t id : *ids) {
      if (id >= 0 && id < size) continue;
      fail(stages.where, "template: id ", id, " is outside the vocabulary of ", size);
    }
  }
}

/// `text` has no more added tokens of raw_finder.
void Tokenizer::Impl::encode_section(Piece text, std::vector<int32_t>& ids) const {
  std::string storage;
  if (stages.normalizer.size() > 0) {
    storage = stages.normalizer.run(text.text, text.start);
    text.text = storage;
  }
  for (const Section& section : normalized_finder.split(text.text)) {
    if (section.token != nullptr) {
      ids.push_back(section.token->id);
    } else {
      encode_normalized(piece_of(section, text), ids);
    }
  }
}

void Tokenizer::Impl::encode_normalized(Piece text, std::vector<int32_t>& ids) const {
  const Model& model = *stages.model;
  stages.pre_tokenizer.run(text, [&](std::string_view piece) { model.encode(piece, ids); });
}

Tokenizer::Tokenizer(Stages stages) : impl_(std::make_unique<Impl>(std::move(stages))) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::vector<int32_t> Tokenizer::encode(std::string_view utf8, bool add_special) const {
  if (const size_t bad = find_invalid_utf8(utf8); bad != std::string_view::npos) {
    fail("text", "not valid UTF-8 at byte ", bad);
  }
  const PostProcessor& around = impl_->stages.post_processor;
  std::vector<int32_t> ids;
  ids.reserve(utf8.size() / 3 + 8);
  if (add_special) ids = around.prefix();
  for (const Section& section : impl_->raw_finder.split(utf8)) {
    if (section.token != nullptr) {
      ids.push_back(section.token->id);
    } else {
      impl_->encode_section(piece_of(section, {utf8, utf8_sequence_length(utf8)}), ids);
    }
  }
  if (add_special) ids.insert(ids.end(), around.suffix().begin(), around.suffix().end());
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  DecodeProgress progress;
  std::string text = decode(ids, skip_special, progress);
  return text += decode_end(progress);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special,
                              DecodeProgress& progress) const {
  std::string text;
  for (const int32_t id : ids) {
    check(id >= 0, "decode: id ", id);
    const auto found = impl_->decoded.find(id);
    if (found == impl_->decoded.end() || (skip_special && found->second.special)) continue;
    impl_->stages.decoder.append(found->second.bytes, progress, text);
  }
  return text;
}

std::string Tokenizer::decode_end(DecodeProgress& progress) const {
  std::string text;
  impl_->stages.decoder.finish(progress, text);
  return text;
}

int64_t Tokenizer::vocab_size() const { return impl_->stages.vocabulary.size(); }

std::optional<int32_t> Tokenizer::token_id(std::string_view token) const {
  return impl_->stages.vocabulary.id(token);
}

std::string Tokenizer::token(int32_t id) const { return impl_->stages.vocabulary.content(id); }

bool Tokenizer::is_special(int32_t id) const {
  const auto found = impl_->decoded.find(id);
  return found != impl_->decoded.end() && found->second.special;
}

}  // namespace matlora::text

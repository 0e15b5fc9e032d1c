#include "matlora/text/tokenizer.h"

#include <utility>

#include "matlora/text/pipeline.h"

namespace matlora::text {

struct Tokenizer::Impl {
  Pipeline pipeline;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_json(const std::filesystem::path& tokenizer_json) {
  return Tokenizer(std::make_unique<Impl>(Impl{load_json(tokenizer_json)}));
}

Tokenizer Tokenizer::from_gguf(const GgufVocabulary& vocabulary) {
  return Tokenizer(std::make_unique<Impl>(Impl{load_gguf(vocabulary)}));
}

std::vector<int32_t> Tokenizer::encode(std::string_view utf8, bool add_special) const {
  return impl_->pipeline.encode(utf8, add_special);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  return impl_->pipeline.decode(ids, skip_special);
}

int64_t Tokenizer::vocab_size() const { return impl_->pipeline.vocabulary().size(); }

std::optional<int32_t> Tokenizer::token_id(std::string_view token) const {
  return impl_->pipeline.vocabulary().id(token);
}

std::string Tokenizer::token(int32_t id) const {
  return id >= 0 && id < vocab_size() ? impl_->pipeline.vocabulary().content(id) : std::string();
}

bool Tokenizer::is_special(int32_t id) const { return impl_->pipeline.is_special(id); }

}  // namespace matlora::text

#include "matlora/text/pipeline.h"

#include <algorithm>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"
#include "matlora/text/byte_level.h"

namespace matlora::text {

Pipeline::Pipeline(PipelineParts parts)
    : parts_(std::move(parts)),
      vocabulary_(parts_.model),
      bpe_(parts_.model, parts_.merges, parts_.bpe, parts_.where) {
  add_tokens();
  make_bytes();
  for (const auto* ids : {&parts_.prefix, &parts_.suffix}) {
    for (const int32_t id : *ids) {
      if (id >= 0 && id < vocabulary_.size()) continue;
      fail(parts_.where, "template: id ", id, " is outside the vocabulary of ", vocabulary_.size());
    }
  }
  parts_.merges = {};
  parts_.model = Vocabulary(parts_.where);
}

void Pipeline::add_tokens() {
  vocabulary_.expect(parts_.added.size());
  for (const AddedToken& token : parts_.added) vocabulary_.add(token.content, token.id);
  special_.resize(static_cast<size_t>(vocabulary_.size()));
  for (const AddedToken& token : parts_.added) {
    special_[static_cast<size_t>(token.id)] = token.special;
    if (token.normalized) {
      normalized_finder_.add(normalized(token.content), token);
    } else {
      raw_finder_.add(token.content, token);
    }
  }
}

void Pipeline::make_bytes() {
  bytes_.reserve(static_cast<size_t>(vocabulary_.size()));
  for (int32_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string& content = vocabulary_.content(id);
    bytes_.push_back(from_byte_characters(content).value_or(content));
  }
  // Added tokens stand in the text as they are, unless BPE makes them from bytes too.
  for (const AddedToken& token : parts_.added) {
    std::string& bytes = bytes_[static_cast<size_t>(token.id)];
    if (bpe_.is_word(bytes, token.id)) continue;
    bytes = token.normalized ? normalized(token.content) : token.content;
  }
}

std::vector<int32_t> Pipeline::encode(std::string_view utf8, bool add_special) const {
  if (const size_t bad = find_invalid_utf8(utf8); bad != std::string_view::npos) {
    fail("text", "not valid UTF-8 at byte ", bad);
  }
  std::vector<int32_t> ids;
  ids.reserve(utf8.size() / 3 + 8);
  if (add_special) ids = parts_.prefix;
  for (const Section& section : raw_finder_.split(utf8)) {
    if (section.token != nullptr) {
      ids.push_back(section.token->id);
    } else {
      encode_unnormalized(section.text, ids);
    }
  }
  if (add_special) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
  return ids;
}

void Pipeline::encode_unnormalized(std::string_view text, std::vector<int32_t>& ids) const {
  std::string storage;
  if (!parts_.normalizers.empty()) {
    storage = normalized(text);
    text = storage;
  }
  for (const Section& section : normalized_finder_.split(text)) {
    if (section.token != nullptr) {
      ids.push_back(section.token->id);
    } else {
      encode_plain(section.text, ids);
    }
  }
}

void Pipeline::encode_plain(std::string_view text, std::vector<int32_t>& ids) const {
  parts_.pre_tokenizer.run(text, [&](std::string_view word) { bpe_.encode(word, ids); });
}

std::string Pipeline::normalized(std::string_view text) const {
  std::string result(text);
  for (const NormalForm form : parts_.normalizers) result = normalize(result, form);
  return result;
}

std::string Pipeline::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string result;
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocabulary_.size()) {
      fail(parts_.where, "id ", id, " is outside the vocabulary; expected 0 to ",
           vocabulary_.size() - 1);
    }
    if (skip_special && is_special(id)) continue;
    result += bytes_[static_cast<size_t>(id)];
  }
  return result;
}

bool Pipeline::is_special(int32_t id) const {
  return id >= 0 && id < vocabulary_.size() && special_[static_cast<size_t>(id)];
}

}  // namespace matlora::text

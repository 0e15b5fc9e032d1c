#include "matlora/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "matlora/text/regex.h"
#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

bool is_word(std::string_view character) {
  static const Regex word("[" + std::string(kRustWord) + "]", "added_tokens");
  return word.find(character, 0).has_value();
}

bool cuts_word(std::string_view before, std::string_view after) {
  if (!before.empty()) {
    size_t begin = before.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(before[begin]) & 0xC0) == 0x80) --begin;
    if (is_word(before.substr(begin))) return true;
  }
  if (after.empty()) return false;
  size_t end = 0;
  next_code_point(after, end);
  return is_word(after.substr(0, end));
}

}  // namespace

void AddedTokenFinder::add(std::string_view content, AddedToken token) {
  if (content.empty()) return;
  uint64_t node = 0;
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    const auto [edge, inserted] =
        edges_.try_emplace(node << 8 | byte, static_cast<uint32_t>(token_of_node_.size()));
    if (inserted) token_of_node_.push_back(-1);
    node = edge->second;
  }
  first_bytes_[static_cast<unsigned char>(content.front())] = true;
  token_of_node_[node] = static_cast<int64_t>(tokens_.size());
  tokens_.push_back(std::move(token));
}

std::optional<AddedTokenFinder::Found> AddedTokenFinder::find_at(std::string_view text,
                                                                 size_t begin) const {
  std::optional<Found> longest;
  uint64_t node = 0;
  for (size_t i = begin; i < text.size(); ++i) {
    const auto edge = edges_.find(node << 8 | static_cast<unsigned char>(text[i]));
    if (edge == edges_.end()) break;
    node = edge->second;
    if (const int64_t token = token_of_node_[node]; token >= 0) {
      longest = Found{i + 1 - begin, &tokens_[static_cast<size_t>(token)]};
    }
  }
  return longest;
}

std::vector<Section> AddedTokenFinder::split(std::string_view text) const {
  std::vector<Section> sections;
  size_t covered = 0;
  for (size_t from = 0; from < text.size();) {
    const bool may_begin = first_bytes_[static_cast<unsigned char>(text[from])];
    const auto found = may_begin ? find_at(text, from) : std::nullopt;
    if (!found) {
      ++from;
      continue;
    }
    size_t begin = from, end = from + found->length;
    from = end;
    const AddedToken& token = *found->token;
    if (token.single_word && cuts_word(text.substr(0, begin), text.substr(end))) continue;
    if (token.lstrip) {
      const std::string_view before = text.substr(0, begin);
      begin = std::max(covered, begin - trailing_white_space(before));
    }
    // As `tokenizers` has it, a token whose beginning went to one with rstrip counts all the same.
    if (begin > end) continue;
    if (token.rstrip) end += leading_white_space(text.substr(end));
    if (begin > covered) sections.push_back({text.substr(covered, begin - covered), nullptr});
    sections.push_back({text.substr(begin, end - begin), &token});
    covered = end;
  }
  if (covered < text.size()) sections.push_back({text.substr(covered), nullptr});
  return sections;
}

}  // namespace matlora::text

#include "matlora/report/text_difference.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "matlora/base/utf8.h"

namespace matlora::report {
namespace {

constexpr size_t kLongestWord = 40;       // bytes
constexpr size_t kMostPairs = 1'000'000;  // of words that are compared with each other

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

/// Without the space behind them: a text's last word has none.
bool same(const Word& a, const Word& b) {
  const auto bare = [](std::string_view text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
  };
  return bare(a.text) == bare(b.text);
}

/// The end of the word that begins at `begin`, with the space behind it.
size_t word_end(std::string_view text, size_t begin) {
  size_t at = begin;
  while (at < text.size() && !is_space(text[at]) && at - begin < kLongestWord) {
    at += std::max<size_t>(1, utf8_sequence_length(text.substr(at)));
  }
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

/// Marks what of `words` is not in the longest common subsequence of both.
void mark(Word* words, size_t count, const Word* others, size_t other_count) {
  if (count * other_count > kMostPairs) {
    for (size_t i = 0; i < count; ++i) words[i].changed = true;
    return;
  }
  // length[i][j]: of the common subsequence of words[i..] and others[j..].
  const size_t row = other_count + 1;
  std::vector<uint16_t> length((count + 1) * row);
  for (size_t i = count; i-- > 0;) {
    for (size_t j = other_count; j-- > 0;) {
      length[i * row + j] = same(words[i], others[j])
                                ? static_cast<uint16_t>(length[(i + 1) * row + j + 1] + 1)
                                : std::max(length[(i + 1) * row + j], length[i * row + j + 1]);
    }
  }
  for (size_t i = 0, j = 0; i < count; ++i) {
    while (j < other_count && !same(words[i], others[j]) &&
           length[i * row + j + 1] >= length[(i + 1) * row + j]) {
      ++j;
    }
    words[i].changed = j == other_count || !same(words[i], others[j]);
    if (!words[i].changed) ++j;
  }
}

}  // namespace

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(word_end(text, begin), text.size());
    words.push_back({text.substr(begin, end - begin)});
    begin = end;
  }
  return words;
}

std::vector<Word> changed_words(std::string_view text, std::string_view before) {
  std::vector<Word> words = words_of(text);
  const std::vector<Word> others = words_of(before);
  const size_t most = std::min(words.size(), others.size());
  size_t first = 0, last = 0;
  while (first < most && same(words[first], others[first])) ++first;
  while (last < most - first &&
         same(words[words.size() - 1 - last], others[others.size() - 1 - last])) {
    ++last;
  }
  mark(words.data() + first, words.size() - first - last, others.data() + first,
       others.size() - first - last);
  return words;
}

}  // namespace matlora::report

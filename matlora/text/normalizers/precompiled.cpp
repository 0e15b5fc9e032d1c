// Precompiled: the table of replacements that SentencePiece compiles into its models
// ("precompiled_charsmap"). Its bytes: the size of a trie; the trie, a double array of 32-bit units
// (darts-clone's format) whose values are offsets; texts that each end with a zero byte.
#include <utf8proc.h>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/base/utf8.h"
#include "matlora/text/normalizers/kinds.h"

namespace matlora::text {
namespace {

std::string from_base64(const std::string& text, const std::string& where) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int, 256> values;
  values.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<int>(i);
  }
  std::string result;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : std::string_view(text).substr(0, text.find_last_not_of('=') + 1)) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) fail(where, "'precompiled_charsmap': not base64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((count += 6) < 8) continue;
    count -= 8;
    result += static_cast<char>(bits >> count & 0xFF);
  }
  return result;
}

uint32_t unit_at(std::string_view bytes, size_t offset) {
  uint32_t result = 0;
  for (size_t i = 4; i-- > 0;) {
    result = result << 8 | static_cast<unsigned char>(bytes[offset + i]);
  }
  return result;
}

class CharacterMap {
 public:
  CharacterMap(const std::string& base64, const std::string& where) {
    const std::string bytes = from_base64(base64, where);
    const size_t size = bytes.size() < 4 ? 0 : unit_at(bytes, 0);
    if (bytes.size() < 8 || size < 4 || size % 4 != 0 || size > bytes.size() - 4) {
      fail(where, "'precompiled_charsmap': expected a trie and texts, got ", bytes.size(),
           " bytes");
    }
    for (size_t i = 0; i < size; i += 4) units_.push_back(unit_at(bytes, 4 + i));
    texts_ = bytes.substr(4 + size);
    if (find_invalid_utf8(texts_) != std::string::npos) {
      fail(where, "'precompiled_charsmap': its texts are not UTF-8");
    }
  }

  /// Extended grapheme clusters of less than 6 bytes first, then characters.
  std::string run(std::string_view text) const {
    std::string result;
    result.reserve(text.size());
    for (size_t begin = 0; begin < text.size();) {
      const std::string_view cluster = text.substr(begin, cluster_size(text, begin));
      begin += cluster.size();
      const auto whole = cluster.size() < 6 ? find(cluster) : std::nullopt;
      if (whole) {
        result += *whole;
      } else {
        add_characters(cluster, result);
      }
    }
    return result;
  }

 private:
  static size_t cluster_size(std::string_view text, size_t begin) {
    size_t end = begin;
    auto last = static_cast<utf8proc_int32_t>(next_code_point(text, end));
    utf8proc_int32_t state = 0;
    for (size_t next = end; next < text.size(); end = next) {
      const auto c = static_cast<utf8proc_int32_t>(next_code_point(text, next));
      if (utf8proc_grapheme_break_stateful(last, c, &state)) break;
      last = c;
    }
    return end - begin;
  }

  void add_characters(std::string_view cluster, std::string& result) const {
    for (size_t offset = 0; offset < cluster.size();) {
      const size_t begin = offset;
      next_code_point(cluster, offset);
      const std::string_view character = cluster.substr(begin, offset - begin);
      result += find(character).value_or(character);
    }
  }

  /// What the shortest key that `text` begins with becomes, as `tokenizers` has it.
  std::optional<std::string_view> find(std::string_view text) const {
    const auto offset_of = [](uint32_t unit) -> size_t {
      return (unit >> 10) << ((unit & (1U << 9)) >> 6);
    };
    size_t node = offset_of(units_[0]);
    for (const char byte : text) {
      const auto label = static_cast<unsigned char>(byte);
      node ^= label;
      if (label == 0 || node >= units_.size()) return std::nullopt;
      const uint32_t unit = units_[node];
      if ((unit & (1U << 31 | 0xFF)) != label) return std::nullopt;
      node ^= offset_of(unit);
      if ((unit >> 8 & 1) != 0) return text_of(node);
    }
    return std::nullopt;
  }

  std::optional<std::string_view> text_of(size_t leaf) const {
    if (leaf >= units_.size()) return std::nullopt;
    const size_t begin = units_[leaf] & ((1U << 31) - 1);
    if (begin > texts_.size()) return std::nullopt;
    const std::string_view rest = std::string_view(texts_).substr(begin);
    return rest.substr(0, rest.find('\0'));
  }

  std::vector<uint32_t> units_;
  std::string texts_;
};

}  // namespace

void read_precompiled(const JsonObject& part, Normalizer& normalizer) {
  normalizer.add([map = CharacterMap(part.string("precompiled_charsmap"), part.where())](
                     std::string_view text) { return map.run(text); });
}

}  // namespace matlora::text

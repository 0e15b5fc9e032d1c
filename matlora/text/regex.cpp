#include "matlora/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>

#include "matlora/base/error.h"

namespace matlora::text {
namespace {

std::string pcre_message(int error) {
  PCRE2_UCHAR buffer[256];
  const int size = pcre2_get_error_message(error, buffer, sizeof buffer);
  return size < 0 ? cat("error ", error) : std::string(reinterpret_cast<const char*>(buffer));
}

// What Oniguruma (Unicode 16) counts to a property and PCRE2 10.42 (Unicode 14) does not know yet,
// found by asking both for every code point; a later PCRE2 knows them and is not disturbed.
constexpr const char* kNewLetters =
    R"(\x{1C89}-\x{1C8A}\x{A7CB}-\x{A7CD}\x{A7DA}-\x{A7DC}\x{105C0}-\x{105F3}\x{10D4A}-\x{10D65})"
    R"(\x{10D6F}-\x{10D85}\x{10EC2}-\x{10EC4}\x{1123F}-\x{11240}\x{11380}-\x{11389}\x{1138B})"
    R"(\x{1138E}\x{11390}-\x{113B5}\x{113B7}\x{113D1}\x{113D3}\x{11BC0}-\x{11BE0}\x{11F02})"
    R"(\x{11F04}-\x{11F10}\x{11F12}-\x{11F33}\x{1342F}\x{13441}-\x{13446}\x{13460}-\x{143FA})"
    R"(\x{16100}-\x{1611D}\x{16D40}-\x{16D6C}\x{18CFF}\x{1B132}\x{1B155}\x{1DF25}-\x{1DF2A})"
    R"(\x{1E030}-\x{1E06D}\x{1E4D0}-\x{1E4EB}\x{1E5D0}-\x{1E5ED}\x{1E5F0}\x{2B739})"
    R"(\x{2EBF0}-\x{2EE5D}\x{31350}-\x{323AF})";
constexpr const char* kNewDigits =
    R"(\x{10D40}-\x{10D49}\x{116D0}-\x{116E3}\x{11BF0}-\x{11BF9}\x{11F50}-\x{11F59})"
    R"(\x{16130}-\x{16139}\x{16D70}-\x{16D79}\x{1CCF0}-\x{1CCF9}\x{1E4F0}-\x{1E4F9})"
    R"(\x{1E5F1}-\x{1E5FA})";
constexpr const char* kNewOtherNumbers = R"(\x{1D2C0}-\x{1D2D3})";
constexpr const char* kNewPunctuation =
    R"(\x{1B4E}-\x{1B4F}\x{1B7F}\x{10D6E}\x{113D4}-\x{113D5}\x{113D7}-\x{113D8})"
    R"(\x{11B00}-\x{11B09}\x{11BE1}\x{11F43}-\x{11F4F}\x{16D6D}-\x{16D6F}\x{1E5FF})";
constexpr const char* kNewMarks =
    R"(\x{897}\x{CF3}\x{ECE}\x{10D69}-\x{10D6D}\x{10EFC}-\x{10EFF}\x{11241}\x{113B8}-\x{113C0})"
    R"(\x{113C2}\x{113C5}\x{113C7}-\x{113CA}\x{113CC}-\x{113D0}\x{113D2}\x{113E1}-\x{113E2})"
    R"(\x{11F00}-\x{11F01}\x{11F03}\x{11F34}-\x{11F3A}\x{11F3E}-\x{11F42}\x{11F5A}\x{13440})"
    R"(\x{13447}-\x{13455}\x{1611E}-\x{1612F}\x{1E08F}\x{1E4EC}-\x{1E4EF}\x{1E5EE}-\x{1E5EF})";
// Besides letters, marks and numbers; superscripts and fractions of Latin-1 are a quirk of its
// tables.
constexpr const char* kMoreWordCharacters =
    R"(\x{B2}-\x{B3}\x{B9}\x{BC}-\x{BE})"
    R"(\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

/// The inside of a PCRE2 character class for `name` (a property, or the letter of an escape).
std::string class_of(const std::string& name) {
  if (name == "s") return R"(\p{White_Space})";  // PCRE2's \s has U+180E too
  if (name == "L") return cat(R"(\p{L})", kNewLetters);
  if (name == "N") return cat(R"(\p{N})", kNewDigits, kNewOtherNumbers);
  if (name == "d" || name == "Nd") return cat(R"(\p{Nd})", kNewDigits);
  if (name == "P") return cat(R"(\p{P})", kNewPunctuation);
  if (name == "M") return cat(R"(\p{M})", kNewMarks);
  if (name == "w") {
    return cat(R"(\p{Nl}\p{Pc})", kMoreWordCharacters, class_of("L"), class_of("M"), class_of("d"));
  }
  return "";
}

/// An escape as PCRE2 should see it; `i` is at the backslash and moves to the last character.
std::string translate_escape(const std::string& pattern, size_t& i, bool in_class) {
  const char letter = pattern[++i];
  std::string original = {'\\', letter};
  std::string name(1, letter);
  bool negated = letter == 'S' || letter == 'W' || letter == 'D';
  if (negated) name[0] = static_cast<char>(letter - 'A' + 'a');
  if (letter == 'p' || letter == 'P') {
    const size_t end = pattern.find('}', i);
    if (end == std::string::npos || pattern[i + 1] != '{') return original;
    name = pattern.substr(i + 2, end - i - 2);
    original += pattern.substr(i + 1, end - i);
    negated = letter == 'P';
    i = end;
  } else if (name != "s" && name != "w" && name != "d") {
    return original;
  }
  std::string inside = class_of(name);
  if (inside.empty()) return original;
  if (!in_class) return cat(negated ? "[^" : "[", inside, "]");
  if (!negated) return inside;
  return name == "s" ? R"(\P{White_Space})" : original;
}

std::string translate(const std::string& pattern, const std::string& where) {
  std::string result;
  bool in_class = false;
  size_t inside = 0;  // where the class's first character stands: a ] there does not end it
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      result += translate_escape(pattern, i, in_class);
      continue;
    }
    const bool nested = c == '[' && pattern.compare(i, 2, "[:") != 0;
    if (in_class && (nested || pattern.compare(i, 2, "&&") == 0)) {
      fail(where, "pattern '", printable(pattern), "': set operations in [] are not supported");
    }
    if (c == '[' && !in_class) {
      in_class = true;
      inside = i + (pattern.compare(i, 2, "[^") == 0 ? 2 : 1);
    }
    if (c == ']' && i != inside && !pattern.substr(0, i).ends_with(":")) in_class = false;
    result += c;
  }
  return result;
}

struct MatchData {
  explicit MatchData(uint32_t pairs) : data(pcre2_match_data_create(pairs, nullptr)) {
    check(data != nullptr, "pcre2_match_data_create: out of memory");
  }
  ~MatchData() { pcre2_match_data_free(data); }
  MatchData(const MatchData&) = delete;
  MatchData& operator=(const MatchData&) = delete;

  pcre2_match_data* data;
};

}  // namespace

struct Regex::Code {
  Code(const std::string& pattern_, const std::string& where_) : pattern(pattern_), where(where_) {
    const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
        pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    const std::string translated = translate(pattern, where);
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                         PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
                         &offset, context.get());
    if (code == nullptr) {
      fail(where, "pattern '", printable(pattern), "': ", pcre_message(error));
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without JIT pcre2_match interprets
  }
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  /// Whether `text` has a match that starts at `from` or later; `match` then holds it.
  bool run(std::string_view text, size_t from, const MatchData& match) const {
    const auto attempt = [&](uint32_t options) {
      return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                         options | PCRE2_NO_UTF_CHECK, match.data, nullptr);
    };
    int result = attempt(0);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = attempt(PCRE2_NO_JIT);
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
      fail(where, "pattern '", printable(pattern), "' on a text of ", text.size(),
           " bytes: ", pcre_message(result));
    }
    return result >= 0;
  }

  uint32_t groups() const {
    uint32_t count = 0;
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &count);
    return count;
  }

  std::string pattern, where;
  pcre2_code* code = nullptr;
};

Regex::Regex(const std::string& pattern, const std::string& where)
    : code_(std::make_shared<const Code>(pattern, where)) {}

std::optional<std::pair<size_t, size_t>> Regex::find(std::string_view text, size_t from) const {
  static thread_local const MatchData match(1);
  if (!code_->run(text, from, match)) return std::nullopt;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.data);
  return std::pair<size_t, size_t>(ends[0], ends[1]);
}

std::vector<std::pair<size_t, size_t>> Regex::find_groups(std::string_view text,
                                                          size_t from) const {
  const uint32_t count = code_->groups() + 1;
  const MatchData match(count);
  if (!code_->run(text, from, match)) return {};
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.data);
  std::vector<std::pair<size_t, size_t>> found;
  for (uint32_t i = 0; i < count; ++i) {
    const bool part = ends[2 * i] != PCRE2_UNSET;
    found.emplace_back(part ? ends[2 * i] : 0, part ? ends[2 * i + 1] : 0);
  }
  return found;
}

}  // namespace matlora::text

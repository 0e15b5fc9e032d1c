#include "matlora/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdint>

#include "matlora/base/error.h"
#include "matlora/text/regex_syntax.h"

namespace matlora::text {
namespace {

std::string pcre_message(int error) {
  PCRE2_UCHAR buffer[256];
  const int size = pcre2_get_error_message(error, buffer, sizeof buffer);
  return size < 0 ? cat("error ", error) : std::string(reinterpret_cast<const char*>(buffer));
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
#ifdef PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK
    pcre2_set_compile_extra_options(context.get(), PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK);
#endif
    const std::string translated = to_pcre(pattern, where);
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

namespace {

/// The whole match of a search that began at `from`. A \K in a look-ahead can move its begin behind
/// its end (it then is empty, as in Oniguruma), one in a look-behind before `from`.
std::pair<size_t, size_t> whole_match(const PCRE2_SIZE* ends, size_t from) {
  return {std::min(std::max(ends[0], from), ends[1]), ends[1]};
}

}  // namespace

const char* const kRustWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169})"
    R"(\x{1F170}-\x{1F189}\x{200C}\x{200D})";

Regex::Regex(const std::string& pattern, const std::string& where)
    : code_(std::make_shared<const Code>(pattern, where)) {}

std::optional<std::pair<size_t, size_t>> Regex::find(std::string_view text, size_t from) const {
  static thread_local const MatchData match(1);
  if (!code_->run(text, from, match)) return std::nullopt;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.data);
  return whole_match(ends, from);
}

std::vector<std::pair<size_t, size_t>> Regex::find_groups(std::string_view text,
                                                          size_t from) const {
  const uint32_t count = code_->groups() + 1;
  const MatchData match(count);
  if (!code_->run(text, from, match)) return {};
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.data);
  std::vector<std::pair<size_t, size_t>> found = {whole_match(ends, from)};
  for (uint32_t i = 1; i < count; ++i) {
    const bool part = ends[2 * i] != PCRE2_UNSET;
    found.emplace_back(part ? ends[2 * i] : 0, part ? ends[2 * i + 1] : 0);
  }
  return found;
}

}  // namespace matlora::text

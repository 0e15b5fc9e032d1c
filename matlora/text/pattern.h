// A pattern as tokenizer.json writes one: {"Regex": ..} or {"String": ..}.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "matlora/text/regex.h"

namespace matlora {
class JsonObject;
}

namespace matlora::text {

using Match = std::optional<std::pair<size_t, size_t>>;  // begin, end; may be empty

/// The first match in `text` (valid UTF-8) that begins at the character at `from` or later.
/// Thread-safe.
using Pattern = std::function<Match(std::string_view text, size_t from)>;

Pattern regex_pattern(Regex regex);
Pattern literal_pattern(std::string literal);
Pattern character_pattern(bool (*fits)(char32_t));  ///< matches one character

/// Told of the parts of a result: their bytes, and which byte of the text they stand for.
using PartSeen = std::function<void(size_t size, size_t byte)>;

/// `text` with `content`, plain text, in place of every match. As `tokenizers` does it, an empty
/// text stays empty, and an empty match right behind another match is none.
std::string replace_matches(std::string_view text, const Pattern& pattern,
                            const std::string& content, const PartSeen& seen = nullptr);

/// The object "pattern" of `part`. Throws UserError when it has neither key, or the regular
/// expression does not compile.
Pattern read_pattern(const JsonObject& part);

}  // namespace matlora::text

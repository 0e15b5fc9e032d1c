// Text for tables, SVG and HTML. What comes from a model, a data file or a path is foreign: it goes
// through escaped().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace matlora::report {

/// With so many digits after the point; no minus sign before zeros.
std::string fixed(double value, int decimals);

/// `text` for an element's content or a quoted attribute of XML or HTML: & < > " as entities; bytes
/// that are not UTF-8 and control characters other than tab and newline become U+FFFD.
std::string escaped(std::string_view text);

/// <name attributes>content</name>; `attributes` ("" for none) and `content` are markup already.
std::string element(std::string_view name, std::string_view attributes, std::string_view content);

/// 1234567 as 1,234,567.
std::string grouped(int64_t number);

/// How many characters: code points of UTF-8, not bytes.
size_t letters(std::string_view text);

/// At most `most` letters, of a longer text the last one is an ellipsis.
std::string shortened(const std::string& text, size_t most);

/// A path as it is shown: its bytes may be any, a report's may not.
std::string shown_path(const std::string& path);

}  // namespace matlora::report

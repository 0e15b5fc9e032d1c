// What Python's str knows of Unicode, on UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace matlora::text::jinja {

size_t count_characters(std::string_view text);
/// The byte where character `index` begins; the size where there are no more.
size_t byte_of_character(std::string_view text, size_t index);
std::vector<char32_t> to_characters(std::string_view text);
std::string to_bytes(const std::vector<char32_t>& characters);

bool is_space(char32_t c);  ///< str.isspace: White_Space, and U+001C to U+001F
bool is_printable(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper_case(char32_t c);
bool is_lower_case(char32_t c);
bool is_title_case(char32_t c);

std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
inline std::string_view strip(std::string_view text) { return strip_right(strip_left(text)); }

std::string to_upper(std::string_view text);
std::string title_words(std::string_view text);  ///< str.title
std::string capitalized(std::string_view text);  ///< str.capitalize

/// str.splitlines.
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);

/// repr of a str: in single quotes unless it has some and no double ones.
std::string python_quoted(std::string_view text);

/// repr of a float: the shortest digits that read back the same.
std::string shown_float(double value);

/// "&", "<", ">", quotes as entities, as markupsafe writes them.
std::string escape_html(std::string_view text);

/// What int() and float() of a str read; false where they raise.
bool read_int(std::string_view text, int base, int64_t& value);
bool read_float(std::string_view text, double& value);

}  // namespace matlora::text::jinja

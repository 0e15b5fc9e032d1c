// Cutting, replacing and padding text as Python's str does; methods and filters share these.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace matlora::text::jinja {

/// At most `most` cuts, any number where it is negative; from the right where `right`.
std::vector<std::string> split_space(std::string_view text, int64_t most, bool right);
std::vector<std::string> split_text(std::string_view text, std::string_view separator, int64_t most,
                                    bool right);
/// The first `most` (or all, where negative) of `from` become `to`. An empty `from` is before every
/// character and at the end.
std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     int64_t most);
std::string_view strip_characters(std::string_view text, std::string_view characters, bool left,
                                  bool right);
/// str.center and its siblings: `align` is <, > or ^.
std::string pad(std::string_view text, std::string_view fill, char align, int64_t width);

bool is_upper_text(std::string_view text);  ///< str.isupper
bool is_lower_text(std::string_view text);  ///< str.islower

}  // namespace matlora::text::jinja

// Text for commands that a message shows.
#pragma once

#include <string>
#include <string_view>

namespace matlora {

/// `text` as one word of a POSIX shell: in single quotes unless it has nothing to quote.
std::string shell_word(std::string_view text);

}  // namespace matlora

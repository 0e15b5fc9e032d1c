#include "matlora/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace matlora::cli {
namespace {

constexpr size_t kDefault = 100;
constexpr size_t kMost = 10'000;

/// 0 for what is no number in 1..kMost.
size_t columns_of(std::string_view text) {
  size_t columns = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, columns);
  return error == std::errc() && stop == end && columns <= kMost ? columns : 0;
}

}  // namespace

size_t terminal_width() {
  const char* const variable = std::getenv("COLUMNS");
  if (variable != nullptr && columns_of(variable) > 0) return columns_of(variable);
  winsize size{};
  const bool known = ::isatty(STDOUT_FILENO) != 0 &&
                     ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kDefault;
}

}  // namespace matlora::cli

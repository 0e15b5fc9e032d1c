#include "matlora/base/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "matlora/base/utf8.h"

namespace matlora {
namespace {

constexpr double kPlainInterval_s = 10;  // between lines where stderr is not a terminal
constexpr double kTerminalInterval_s = 0.1;

}  // namespace

Progress::Progress(std::string label, int64_t total, bool quiet)
    : label_(std::move(label)),
      total_(total),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()),
      last_shown_(start_ - std::chrono::hours(1)) {}

Progress::~Progress() { end_line(); }

void Progress::end_line() {
  if (line_open_) std::fputc('\n', stderr);
  line_open_ = false;
}

double Progress::elapsed_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::update(double done, const std::string& detail) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const double interval = terminal_ ? kTerminalInterval_s : kPlainInterval_s;
  const auto total = static_cast<double>(total_);
  if (done < total && std::chrono::duration<double>(now - last_shown_).count() < interval) return;
  last_shown_ = now;
  std::string line = label_ + " " + std::to_string(static_cast<int64_t>(done)) + "/" +
                     std::to_string(total_) + "  " + detail;
  if (done > 0) line += "  " + duration_text(elapsed_s() / done * (total - done)) + " left";
  if (terminal_) line = "\r\033[K" + fitted(line, terminal_columns() - 1);
  std::fprintf(stderr, terminal_ ? "%s" : "%s\n", line.c_str());
  std::fflush(stderr);
  line_open_ = terminal_;
}

void Progress::message(const std::string& text) {
  if (quiet_) return;
  std::fprintf(stderr, line_open_ ? "\r\033[K%s\n" : "%s\n", text.c_str());
  line_open_ = false;
}

void say(bool quiet, const std::string& message) {
  if (!quiet) std::fprintf(stderr, "%s\n", message.c_str());
}

void say_now(bool quiet, const std::string& message) {
  say(quiet || ::isatty(STDERR_FILENO) == 0, message);
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  char text[32];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%ldh%02ldm", static_cast<long>(whole / 3600),
                  static_cast<long>(whole / 60 % 60));
  } else if (whole >= 60) {
    std::snprintf(text, sizeof text, "%ldm%02lds", static_cast<long>(whole / 60),
                  static_cast<long>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lds", static_cast<long>(whole));
  }
  return text;
}

std::string fitted(const std::string& text, int64_t columns) {
  const auto width = static_cast<size_t>(std::max<int64_t>(columns, 3));
  size_t characters = 0, cut = 0;  // cut: the byte behind the first width - 2 characters
  for (size_t i = 0; i < text.size(); ++characters) {
    if (characters == width - 2) cut = i;
    if (characters == width) return text.substr(0, cut) + "..";
    i += std::max<size_t>(1, utf8_sequence_length(std::string_view(text).substr(i)));
  }
  return text;
}

int64_t terminal_columns() {
  struct winsize size {};
  if (::isatty(STDERR_FILENO) == 0 || ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace matlora

#include "matlora/base/progress.h"

#include <unistd.h>

#include <cstdio>

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

Progress::~Progress() {
  if (line_open_) std::fputc('\n', stderr);
}

double Progress::elapsed_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::update(int64_t done, const std::string& detail) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const double interval = terminal_ ? kTerminalInterval_s : kPlainInterval_s;
  if (done < total_ && std::chrono::duration<double>(now - last_shown_).count() < interval) return;
  last_shown_ = now;
  const double left_s =
      done > 0 ? elapsed_s() / static_cast<double>(done) * static_cast<double>(total_ - done) : 0;
  const std::string line = label_ + " " + std::to_string(done) + "/" + std::to_string(total_) +
                           "  " + detail + "  " + duration_text(left_s) + " left";
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
  line_open_ = terminal_;
}

void say(bool quiet, const std::string& message) {
  if (!quiet) std::fprintf(stderr, "%s\n", message.c_str());
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

}  // namespace matlora

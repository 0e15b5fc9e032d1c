// Progress of a long run on stderr: one line that is rewritten on a terminal, a plain line now and
// then elsewhere, nothing when quiet. A terminal that is closed or full changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace matlora {

class Progress {
 public:
  /// `total`: what update() counts to.
  Progress(std::string label, int64_t total, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of total are done, perhaps with a part of the next; `detail` is shown behind it, then
  /// the time left.
  void update(double done, const std::string& detail);

  /// A line that stays, above the one that is rewritten.
  void message(const std::string& text);

  double elapsed_s() const;

 private:
  void end_line();

  std::string label_;
  int64_t total_;
  bool quiet_, terminal_, line_open_ = false;
  std::chrono::steady_clock::time_point start_, last_shown_;
};

/// A message on stderr, unless quiet.
void say(bool quiet, const std::string& message);

/// A message on stderr where that is a terminal: what is being done just now, for who waits.
void say_now(bool quiet, const std::string& message);

/// "1h02m", "3m05s", "12s"
std::string duration_text(double seconds);

/// `text` cut to `columns` characters, with ".." at its end where it was longer.
std::string fitted(const std::string& text, int64_t columns);

/// The width of the terminal of stderr in characters; nothing is as wide as 0 says: no terminal.
int64_t terminal_columns();

}  // namespace matlora

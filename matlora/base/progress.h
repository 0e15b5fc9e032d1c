// Progress of a long run on stderr: one line that is rewritten on a terminal, a plain line now and
// then elsewhere, nothing when quiet.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace matlora {

class Progress {
 public:
  /// `total`: how many update() calls there will be.
  Progress(std::string label, int64_t total, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of total are done; `detail` is shown behind it, then the time left.
  void update(int64_t done, const std::string& detail);

  double elapsed_s() const;

 private:
  std::string label_;
  int64_t total_;
  bool quiet_, terminal_, line_open_ = false;
  std::chrono::steady_clock::time_point start_, last_shown_;
};

/// A message on stderr, unless quiet.
void say(bool quiet, const std::string& message);

/// "1h02m", "3m05s", "12s"
std::string duration_text(double seconds);

}  // namespace matlora

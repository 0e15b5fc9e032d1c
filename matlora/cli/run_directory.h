// The directory that `train` fills while it runs: options, a log line per step, the adapter.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "matlora/train/trainer.h"

namespace matlora::cli {

class RunDirectory {
 public:
  /// Throws UserError as check_output does; with `resume`, when there is no run at `path`.
  RunDirectory(std::filesystem::path path, bool force, bool resume);
  /// Removes the directory when nothing was saved in it, and brings back what it replaced.
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  /// Makes the directory with run.toml. A resumed run keeps the first `steps` lines of its log.
  void begin(const std::string& run_toml, int64_t steps);

  /// Appends one line to train_log.jsonl. `elapsed_s`: since the run began.
  void log(const train::StepReport& report, double elapsed_s);

  /// From now on the directory stays.
  void keep() { keep_ = true; }

  const std::filesystem::path& path() const { return path_; }
  /// Seconds that the log of a resumed run says had passed.
  double elapsed_before_s() const { return elapsed_before_s_; }

 private:
  void remove_unfinished_files();  // of a run that was killed while it wrote
  void keep_log_lines(int64_t steps);

  std::filesystem::path path_, replaced_;  // replaced_: what lay at path_, put aside
  bool resume_, keep_, begun_ = false;
  double elapsed_before_s_ = 0;
  std::ofstream log_;
};

}  // namespace matlora::cli

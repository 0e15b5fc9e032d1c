// The directory that `train` fills while it runs: options, a log line per step, the adapter.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "matlora/base/output.h"
#include "matlora/base/space_reserve.h"
#include "matlora/train/trainer.h"

namespace matlora::cli {

class RunDirectory {
 public:
  /// Takes the directory (base/output.h). Throws UserError as OutputDirectory does; with `resume`
  /// when there is no run at `path`; without it when an unfinished run would be lost. A run over an
  /// earlier result is in DIR/.matlora/new until it is done.
  RunDirectory(const std::filesystem::path& path, bool force, bool resume);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  /// Writes run.toml, sets `bytes` of the disk aside for save(). A resumed run keeps the first
  /// `steps` lines of its log.
  void begin(const std::string& run_toml, int64_t steps, int64_t bytes);

  /// Appends one line to train_log.jsonl. `elapsed_s`: since the run began. What the disk does not
  /// take waits for the next line.
  void log(const train::StepReport& report, double elapsed_s);

  /// Calls `write`, which throws UserError where it cannot write; then once more, with the space
  /// that was set aside. What is written stays.
  void save(const std::function<void()>& write);

  /// The run is done: its directory is the result, and an earlier one gives way.
  void commit() { output_.commit(); }

  /// Where the run writes.
  const std::filesystem::path& path() const { return output_.path(); }
  /// Where its result is to be.
  const std::filesystem::path& target() const { return output_.target(); }
  /// Whether an earlier result is still there.
  bool replaces() const { return output_.replaces(); }
  /// Seconds that the log of a resumed run says had passed.
  double elapsed_before_s() const { return elapsed_before_s_; }

 private:
  void remove_unfinished_files();  // of a run that was killed while it wrote
  void keep_log_lines(int64_t steps);
  bool write_log();

  bool resume_;
  OutputDirectory output_;
  std::optional<SpaceReserve> reserve_;
  double elapsed_before_s_ = 0;
  int log_ = -1;         // file descriptor
  std::string waiting_;  // lines that are not in the file yet
};

}  // namespace matlora::cli

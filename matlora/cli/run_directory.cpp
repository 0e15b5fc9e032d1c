#include "matlora/cli/run_directory.h"

#include <unistd.h>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"

namespace matlora::cli {
namespace {

constexpr char kLogFile[] = "train_log.jsonl";

}  // namespace

RunDirectory::RunDirectory(fs::path path, bool force, bool resume)
    : path_(std::move(path)), resume_(resume), keep_(resume) {
  std::error_code error;
  if (!resume) {
    check_output(path_, force);
  } else if (!fs::exists(path_ / "run.toml", error)) {
    fail(path_.string(), "nothing to resume: no run.toml in it");
  }
}

RunDirectory::~RunDirectory() {
  std::error_code error;
  if (begun_ && !keep_) {
    fs::remove_all(path_, error);
    if (!replaced_.empty()) fs::rename(replaced_, path_, error);
  } else if (!replaced_.empty()) {
    fs::remove_all(replaced_, error);
  }
}

void RunDirectory::begin(const std::string& run_toml, int64_t steps) {
  std::error_code error;
  if (!resume_ && fs::exists(path_, error)) {
    const fs::path aside =
        (path_ / "").parent_path().string() + ".old" + std::to_string(::getpid());
    fs::rename(path_, aside, error);
    if (error) fail(path_.string(), "cannot be replaced: ", error.message());
    replaced_ = aside;
  }
  begun_ = true;
  fs::create_directories(path_, error);
  if (!fs::is_directory(path_, error)) {
    fail(path_.string(), "cannot make the directory: ", error.message());
  }
  write_file(path_ / "run.toml", run_toml);
  if (resume_) {
    remove_unfinished_files();
    keep_log_lines(steps);
  }
  log_.open(path_ / kLogFile, std::ios::app);
  if (!log_) fail((path_ / kLogFile).string(), "cannot write the file");
}

void RunDirectory::remove_unfinished_files() {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_)) {
    if (is_temporary(entry.path())) found.push_back(entry.path());
  }
  for (const fs::path& path : found) fs::remove(path);
}

void RunDirectory::keep_log_lines(int64_t steps) {
  const fs::path path = path_ / kLogFile;
  std::ifstream in(path);
  std::string kept, line;
  for (int64_t i = 0; i < steps && std::getline(in, line); ++i) {
    const Json json = parse_json(line, path.string() + ":" + std::to_string(i + 1));
    elapsed_before_s_ = JsonObject(json, path.string()).number_or("elapsed_s", 0);
    kept += line + "\n";
  }
  write_file(path, kept);
}

void RunDirectory::log(const train::StepReport& report, double elapsed_s) {
  nlohmann::ordered_json line = {
      {"step", report.step},
      {"loss", report.loss},
      {"grad_norm", report.grad_norm},
      {"lr", report.learning_rate},
      {"tokens", report.tokens},
      {"label_tokens", report.label_tokens},
      {"tokens_per_s", static_cast<double>(report.tokens) / report.seconds},
      {"elapsed_s", elapsed_s}};
  if (report.sampled_ranks.size() == 1) line["sampled_rank"] = report.sampled_ranks[0];
  if (report.sampled_ranks.size() > 1) line["sampled_rank"] = report.sampled_ranks;
  log_ << line.dump() << "\n" << std::flush;
  if (!log_) fail((path_ / kLogFile).string(), "cannot write the log: is the disk full?");
}

}  // namespace matlora::cli

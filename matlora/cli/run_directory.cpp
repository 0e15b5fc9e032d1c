#include "matlora/cli/run_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/base/progress.h"
#include "matlora/base/shell.h"
#include "matlora/train/checkpoint.h"

namespace matlora::cli {
namespace {

constexpr char kLogFile[] = "train_log.jsonl";

/// Everything that a run may write.
OutputUse use_for(const fs::path& path, bool force, bool resume) {
  const fs::path unfinished = unfinished_path(path);
  std::error_code error;
  if (resume && !fs::exists(path / "run.toml", error) &&
      !fs::exists(unfinished / "run.toml", error)) {
    fail(path.string(), "nothing to resume: no run.toml in it");
  }
  const auto continues = [](const fs::path& run) {
    return cat("an unfinished run is here; `matlora train --config ",
               shell_word((run / "run.toml").string()), " --resume` continues it");
  };
  if (!resume && fs::exists(unfinished / train::kStateFile, error)) {
    fail(unfinished.string(), continues(unfinished), ", and `rm -r ",
         shell_word(unfinished.string()), "` drops it");
  }
  if (!resume && !force && fs::exists(path / train::kStateFile, error)) {
    fail(path.string(), continues(path), "; give another name, or --force to replace it");
  }
  OutputUse use;
  use.command = "train";
  use.names = {"adapter_config.json",
               "adapter_model.safetensors",
               "matlora.json",
               kLogFile,
               "run.toml",
               train::kStateFile,
               "eval_log.jsonl",
               "eval"};
  use.force = force;
  use.resume = resume;
  use.in_place = true;
  return use;
}

}  // namespace

RunDirectory::RunDirectory(const fs::path& path, bool force, bool resume)
    : resume_(resume), output_(path, use_for(path, force, resume)) {}

RunDirectory::~RunDirectory() {
  if (log_ >= 0) ::close(log_);
}

void RunDirectory::begin(const std::string& run_toml, int64_t steps, int64_t bytes) {
  const auto writing = output_.hold();
  reserve_.emplace(path(), bytes);
  write_file(path() / "run.toml", run_toml);
  if (resume_) {
    remove_unfinished_files();
    keep_log_lines(steps);
  }
  const fs::path log = path() / kLogFile;
  log_ = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_ < 0) fail(log.string(), "cannot write the file: ", std::strerror(errno));
}

void RunDirectory::remove_unfinished_files() {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(path())) {
    if (is_temporary(entry.path())) found.push_back(entry.path());
  }
  for (const fs::path& one : found) fs::remove(one);
}

void RunDirectory::keep_log_lines(int64_t steps) {
  const fs::path file = path() / kLogFile;
  std::ifstream in(file);
  std::string kept, line;
  for (int64_t i = 0; i < steps && std::getline(in, line); ++i) {
    const Json json = parse_json(line, file.string() + ":" + std::to_string(i + 1));
    elapsed_before_s_ = JsonObject(json, file.string()).number_or("elapsed_s", 0);
    kept += line + "\n";
  }
  write_file(file, kept);
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
  const bool first = waiting_.empty();
  waiting_ += line.dump() + "\n";
  if (!write_log() && first) {
    say(false, cat("note: ", (path() / kLogFile).string(), " cannot be written: ",
                   std::strerror(errno), "; training continues and its lines wait"));
  }
}

/// Whether all lines are in the file.
bool RunDirectory::write_log() {
  while (!waiting_.empty()) {
    const ssize_t written = ::write(log_, waiting_.data(), waiting_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    waiting_.erase(0, static_cast<size_t>(written));
  }
  return true;
}

void RunDirectory::save(const std::function<void()>& write) {
  const auto writing = output_.hold();
  try {
    write();
  } catch (const UserError&) {
    reserve_->release();
    write();
  }
  write_log();
  output_.keep();
  reserve_->refill();
}

}  // namespace matlora::cli

#include "matlora/cli/train_evaluation.h"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/interrupt.h"
#include "matlora/base/json.h"
#include "matlora/base/output.h"
#include "matlora/base/progress.h"
#include "matlora/cli/terminal.h"
#include "matlora/eval/report.h"

namespace matlora::cli {
namespace {

constexpr const char* kPrefix = "eval-";
constexpr const char* kLog = "eval_log.jsonl";
constexpr const char* kDirectory = "eval";

Json line_of(const eval::RankScore& row, int64_t step) {
  Json line = eval::row_json(row);
  line.erase("seconds");
  line.erase("adapter_parameters");
  line["step"] = step;
  return line;
}

}  // namespace

void TrainEvaluation::add_options(CLI::App& app) {
  flags_.add_options(app, kPrefix);
  app.add_option("--eval-every", every_, "score after every N steps too; 0: at the end only")
      ->group("Evaluation")
      ->check(integer(0))
      ->capture_default_str();
  app.add_option("--eval-ranks", ranks_, "ranks to score; default: 0 and the train ranks")
      ->group("Evaluation")
      ->delimiter(',')
      ->check(integer(0));
}

void TrainEvaluation::check(const CLI::App& app, const fs::path& output, int64_t rank) {
  flags_.check(app, output);
  if (flags_.empty() && (every_ > 0 || !ranks_.empty())) {
    fail(every_ > 0 ? "--eval-every" : "--eval-ranks",
         "nothing to score; give --eval-data FILE or --eval-task NAME");
  }
  for (const int64_t r : ranks_) {
    if (r < 0 || r > rank) fail("--eval-ranks", "rank ", r, " is outside 0..", rank);
  }
  const auto is_base = [](int64_t r) { return r == 0; };
  if (every_ > 0 && !ranks_.empty() && std::all_of(ranks_.begin(), ranks_.end(), is_base)) {
    fail("--eval-every", "rank 0 does not change along the way; give --eval-ranks one above it");
  }
}

void TrainEvaluation::load(const model::Model& base, int64_t max_length, bool quiet) {
  flags_.reading.max_length = max_length;
  try {
    evaluation_ = read_evaluation(flags_, base, quiet);
  } catch (const UserError& error) {
    const std::string text = error.what();
    if (!text.starts_with("--")) throw;
    throw UserError(cat("--", kPrefix, text.substr(2)));  // the flag as it is called here
  }
}

void TrainEvaluation::resume_at(int64_t step, const model::Model& base,
                                const adapter::Adapter& adapter, const fs::path& directory) const {
  const fs::path path = directory / kLog;
  std::ifstream in(path);
  std::string kept;
  int64_t last = 0;
  for (std::string line; std::getline(in, line);) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto at = json.is_object() ? json.find("step") : json.end();
    if (at == json.end() || !at->is_number_integer() || at->get<int64_t>() > step) continue;
    last = at->get<int64_t>();
    kept += line + "\n";
  }
  if (in.is_open()) write_file(path, kept);
  Progress progress("", 0, /*quiet=*/true);
  if (last < step) after_step(step, base, adapter, directory, progress);
}

eval::SweepOptions TrainEvaluation::options_for(const adapter::Adapter& adapter) const {
  eval::SweepOptions options;
  options.ranks = chosen_ranks(ranks_, &adapter);
  options.gate = adapter.inference_gate;
  options.batch_size = flags_.batch_size;
  options.stop = [] { return interrupt_signal() != 0; };
  return options;
}

void TrainEvaluation::after_step(int64_t step, const model::Model& base,
                                 const adapter::Adapter& adapter, const fs::path& directory,
                                 Progress& progress) const {
  if (every_ == 0 || step % every_ != 0) return;
  try {
    std::string text;
    for (const eval::RankScore& row : score_step(step, base, adapter, directory)) {
      text += cat(text.empty() ? "" : "; ", "rank ", row.rank, " ", text_of(row));
    }
    if (!text.empty()) progress.message(cat("step ", step, ": ", text));
  } catch (const UserError& error) {
    say(false, cat("step ", step, " is not scored: ", error.what()));
  }
}

/// The first figure: the loss, or a task's metric.
std::string TrainEvaluation::text_of(const eval::RankScore& row) const {
  if (row.tokens > 0) return cat("loss ", std::fixed, std::setprecision(4), row.loss);
  if (row.tasks.empty() || row.tasks.front().metrics.empty()) return "";
  const eval::TaskScore& task = row.tasks.front();
  return cat(task.task, " ", std::fixed, std::setprecision(4), task.metrics.front().value);
}

std::vector<eval::RankScore> TrainEvaluation::score_step(int64_t step, const model::Model& base,
                                                         const adapter::Adapter& adapter,
                                                         const fs::path& directory) const {
  eval::SweepOptions options = options_for(adapter);
  std::erase(options.ranks, 0);
  eval::SweepResult result = eval::run_sweep(base.decoder, &adapter, evaluation_.work(), options);
  if (result.ending.error) throw UserError(*result.ending.error);
  if (result.ending.stopped) return {};
  std::ofstream log(directory / kLog, std::ios::app);
  for (const eval::RankScore& row : result.rows) log << line_of(row, step).dump() << '\n';
  if (!log.flush()) fail((directory / kLog).string(), "cannot be written");
  return std::move(result.rows);
}

bool TrainEvaluation::finish(const model::Model& base, const fs::path& model,
                             const adapter::Adapter& adapter, const fs::path& directory,
                             bool quiet) const {
  if (flags_.empty()) return true;
  const LongRun long_run("stopping; the adapter is whole; again to stop now");
  eval::SweepOptions options = options_for(adapter);
  options.samples = true;
  options.quiet = quiet;
  eval::SweepResult result = eval::run_sweep(base.decoder, &adapter, evaluation_.work(), options);
  if (result.ending.error) throw UserError(*result.ending.error);
  if (result.ending.stopped) {
    say(false, cat("interrupted: no ", (directory / kDirectory).string(),
                   "; the adapter is whole, and `matlora sweep` scores it"));
    return false;
  }
  eval::Report report = new_report(evaluation_, flags_, base, model);
  report.sweeps.push_back({adapter::name(adapter.rule.method), directory.string(),
                           adapter::name(adapter.inference_gate), std::move(result.rows),
                           std::move(result.samples), std::move(result.task_samples)});
  OutputDirectory output(directory / kDirectory,
                         {"train", eval::report_files(), /*force=*/true, false, false, true});
  eval::write_report(output.path(), report);
  output.commit();
  eval::ReportOptions showing;
  showing.width = terminal_width();
  showing.directory = (directory / kDirectory).string();
  if (!quiet) std::cout << eval::sweep_table(report, showing);
  return true;
}

}  // namespace matlora::cli

#include "matlora/eval/task_run.h"

#include <algorithm>
#include <cmath>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"
#include "matlora/generate/decode.h"
#include "matlora/nn/not_finite.h"
#include "matlora/tasks/prompts.h"
#include "matlora/tasks/python_text.h"
#include "matlora/tasks/scores.h"

namespace matlora::eval {
namespace {

using tasks::Kind;

/// How lm-eval turns texts into tokens for one model.
class Encoder {
 public:
  explicit Encoder(const model::Model& model)
      : tokenizer_(model.tokenizer), context_(model.config.max_position_embeddings) {
    if (model.config.bos_token_id) {
      prefix_ = static_cast<int32_t>(*model.config.bos_token_id);
    } else if (!model.stop_ids.empty()) {
      prefix_ = model.stop_ids.front();
    }
    if (prefix_) prefix_text_ = tokenizer_.decode({&*prefix_, 1});
  }

  /// With the model's special tokens, unless the text begins with one itself.
  std::vector<int32_t> encode(const std::string& text) const {
    const bool has_prefix = !prefix_text_.empty() && text.starts_with(prefix_text_);
    return tokenizer_.encode(text, /*add_special=*/!has_prefix);
  }

  /// `where`: the document, for messages. Cut to the model's context; `cut` counts.
  Continuation pair(const std::string& context, std::string continuation, const std::string& where,
                    int64_t& cut) const {
    std::vector<int32_t> before, after;
    if (context.empty()) {
      if (!prefix_) fail(where, "the prompt is empty and the model has no token to begin with");
      before = {*prefix_};
      after = tokenizer_.encode(continuation, /*add_special=*/false);
      if (!after.empty() && after.front() == *prefix_) after.erase(after.begin());
    } else {
      const std::string bare = tasks::right_strip(context);
      continuation.insert(0, context.substr(bare.size()));
      before = encode(bare);
      after = encode(bare + continuation);
      after.erase(after.begin(), after.begin() + std::min(before.size(), after.size()));
    }
    if (before.empty() || after.empty()) {
      fail(where, "expected a prompt and an answer of a token at least, got ", before.size(),
           " and ", after.size());
    }
    if (static_cast<int64_t>(after.size()) > context_) {
      fail(where, "an answer of ", after.size(), " tokens is longer than the model's context of ",
           context_);
    }
    Continuation one{std::move(before), 0};
    one.first = static_cast<int64_t>(one.tokens.size());
    one.tokens.insert(one.tokens.end(), after.begin(), after.end());
    if (const int64_t over = static_cast<int64_t>(one.tokens.size()) - context_ - 1; over > 0) {
      one.tokens.erase(one.tokens.begin(), one.tokens.begin() + over);
      one.first -= over;
      ++cut;
    }
    return one;
  }

  /// A prompt to continue by `max_new_tokens`; `cut` counts.
  std::vector<int32_t> prompt(const std::string& text, int64_t max_new_tokens,
                              const std::string& where, int64_t& cut) const {
    const int64_t most = context_ - max_new_tokens;
    if (most <= 0) {
      fail_field("max_new_tokens", "expected less than the model's context of ", context_, ", got ",
                 max_new_tokens);
    }
    std::vector<int32_t> tokens = encode(text);
    if (tokens.empty()) fail(where, "the prompt has no tokens");
    if (const int64_t over = static_cast<int64_t>(tokens.size()) - most; over > 0) {
      tokens.erase(tokens.begin(), tokens.begin() + over);
      ++cut;
    }
    return tokens;
  }

 private:
  const text::Tokenizer& tokenizer_;
  int64_t context_;
  std::optional<int32_t> prefix_;
  std::string prefix_text_;
};

void encode_documents(PreparedTask& task, std::span<const std::string> prefixes,
                      const model::Model& model) {
  const Encoder encoder(model);
  for (size_t i = 0; i < task.documents.size(); ++i) {
    const tasks::Document& document = task.documents[i];
    const std::string where = cat(task.task.name, ", document ", i);
    int64_t cut = 0;
    if (task.task.kind == Kind::generation) {
      generate::Request request;
      request.options.max_new_tokens = task.protocol.max_new_tokens;
      request.options.stop_ids = model.stop_ids;
      request.prompt = encoder.prompt(prefixes[i] + document.question(0),
                                      request.options.max_new_tokens, where, cut);
      task.requests.push_back(std::move(request));
    } else {
      std::vector<Continuation>& choices = task.groups.emplace_back();
      for (int64_t c = 0; c < document.choices(); ++c) {
        choices.push_back(
            encoder.pair(prefixes[i] + document.question(c), " " + document.answer(c), where, cut));
      }
    }
    if (cut > 0) ++task.protocol.truncated;
  }
}

PreparedTask prepare(const tasks::Task& task, const model::Model& model,
                     const TaskOptions& options) {
  PreparedTask result;
  result.task = task;
  result.tokenizer = &model.tokenizer;
  if (task.kind == Kind::generation && !model.stop_ids.empty()) {
    result.task.stops.push_back(model.tokenizer.decode({&model.stop_ids.front(), 1}));
  }
  result.documents = tasks::read_documents(task, task.test_file, options.limit);
  TaskProtocol& protocol = result.protocol;
  protocol.name = task.name;
  protocol.version = task.version;
  protocol.shots = options.shots.value_or(task.default_shots);
  protocol.documents = static_cast<int64_t>(result.documents.size());
  protocol.seed = options.seed;
  if (task.kind == Kind::generation) {
    protocol.max_new_tokens =
        options.max_new_tokens > 0 ? options.max_new_tokens : task.max_new_tokens;
  }
  const std::vector<tasks::Document> pool = tasks::read_pool(task, protocol.shots);
  encode_documents(
      result, tasks::shot_prefixes(task, result.documents, pool, protocol.shots, protocol.seed),
      model);
  return result;
}

bool has_stop(std::string_view text, std::span<const std::string> stops, size_t from) {
  return std::any_of(stops.begin(), stops.end(), [&](const std::string& stop) {
    const size_t begin = from > stop.size() ? from - stop.size() : 0;
    return !stop.empty() && text.find(stop, begin) != std::string_view::npos;
  });
}

/// lm_eval/models/utils.py, postprocess_generated_text
std::string cut_at_stops(std::string text, std::span<const std::string> stops) {
  for (const std::string& stop : stops) {
    if (!stop.empty()) text = text.substr(0, text.find(stop));
  }
  return text;
}

std::vector<Metric> metrics_of(const std::vector<tasks::Score>& scores) {
  std::vector<Metric> metrics;
  metrics.reserve(scores.size());
  for (const tasks::Score& score : scores) metrics.push_back({score.metric, score.value, {}});
  return metrics;
}

std::vector<TaskSample> run_generation(const nn::Decoder& decoder, const PreparedTask& task,
                                       const TaskRunOptions& options) {
  std::vector<TaskSample> samples(task.documents.size());
  std::vector<std::string> texts(task.documents.size());  // special tokens included
  std::vector<text::DecodeProgress> progress(task.documents.size());
  const std::vector<std::string>& stops = task.task.stops;
  bool stopped = false;
  generate::BatchEvents events;
  events.on_token = [&](size_t i, int32_t token) {
    const size_t before = texts[i].size();
    texts[i] += task.tokenizer->decode({&token, 1}, /*skip_special=*/false, progress[i]);
    return !has_stop(texts[i], stops, before);
  };
  events.on_finished = [&](size_t i, const std::vector<int32_t>& completion) {
    const std::string text = task.tokenizer->decode(completion, /*skip_special=*/true);
    samples[i].response = cut_at_stops(valid_utf8(text), stops);
    samples[i].metrics =
        metrics_of(tasks::score_response(task.task, task.documents[i], samples[i].response));
    if (options.done) options.done();
  };
  events.stop = [&] { return stopped = stopped || (options.stop && options.stop()); };
  generate::decode_batch(decoder, task.requests, options.batch_size, events);
  if (stopped) samples.clear();
  return samples;
}

std::vector<TaskSample> run_choices(const nn::Decoder& decoder, const PreparedTask& task,
                                    const TaskRunOptions& options) {
  LikelihoodOptions scoring;
  scoring.stop = options.stop;
  size_t done = 0;
  scoring.done = [&](size_t groups) {
    for (; done < groups; ++done) {
      if (options.done) options.done();
    }
  };
  std::vector<TaskSample> samples;
  for (const auto& scores : score_continuations(decoder, task.groups, scoring)) {
    TaskSample& sample = samples.emplace_back();
    const tasks::Document& document = task.documents[samples.size() - 1];
    for (const double one : scores) {
      if (std::isnan(one)) {
        fail(task.task.name, "the model's logits are not numbers",
             nn::not_finite_hint(decoder.dtype()));
      }
      sample.log_likelihoods.push_back(one);
    }
    sample.metrics = metrics_of(tasks::score_choices(task.task, document, sample.log_likelihoods));
  }
  return samples;
}

TaskScore task_score(const std::string& name, const std::vector<tasks::MeanScore>& means) {
  TaskScore score{name, means.front().documents, {}};
  for (const tasks::MeanScore& mean : means) {
    score.metrics.push_back({mean.metric, mean.mean, mean.standard_error});
  }
  return score;
}

}  // namespace

TaskSuite prepare_suite(const std::string& name, const std::filesystem::path& data,
                        const model::Model& model, const TaskOptions& options) {
  TaskSuite suite;
  for (const tasks::Task& task : tasks::find_tasks(name, data)) {
    suite.tasks.push_back(prepare(task, model, options));
  }
  suite.name = suite.tasks.size() == 1 ? suite.tasks.front().task.name : name;
  return suite;
}

std::vector<TaskSample> run_task(const nn::Decoder& decoder, const PreparedTask& task,
                                 const TaskRunOptions& options) {
  std::vector<TaskSample> samples = task.task.kind == Kind::generation
                                        ? run_generation(decoder, task, options)
                                        : run_choices(decoder, task, options);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].task = task.task.name;
    samples[i].index = static_cast<int64_t>(i);
  }
  return samples;
}

std::vector<TaskScore> task_scores(const TaskSuite& suite,
                                   const std::vector<std::vector<TaskSample>>& samples) {
  std::vector<TaskScore> scores;
  std::vector<std::vector<tasks::MeanScore>> means;
  for (size_t i = 0; i < suite.tasks.size(); ++i) {
    std::vector<std::vector<tasks::Score>> documents;
    for (const TaskSample& sample : samples.at(i)) {
      auto& own = documents.emplace_back();
      for (const Metric& metric : sample.metrics) own.push_back({metric.name, metric.value});
    }
    means.push_back(tasks::mean_scores(documents));
    scores.push_back(task_score(suite.tasks[i].task.name, means.back()));
  }
  if (scores.size() > 1) {
    scores.insert(scores.begin(), task_score(suite.name, tasks::group_scores(means)));
  }
  return scores;
}

}  // namespace matlora::eval

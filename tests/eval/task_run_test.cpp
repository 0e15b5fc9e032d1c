// Tasks in files of a folder of their own on a tiny model in float64, whose tokens are bytes.
#include "matlora/eval/task_run.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/eval/sweep.h"
#include "matlora/generate/decode.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_llama.h"
#include "tests/support/tiny_tokenizer.h"

namespace matlora::eval {
namespace {

constexpr int64_t kContext = 90;  // tokens

class TaskRun : public testing::Test {
 protected:
  TaskRun() : model_{"", {}, {}, tokenizer(), {tests::kEos}, ""} {
    tests::TinySizes sizes;
    sizes.vocab = 98;
    model_.decoder = tests::tiny_llama(sizes, at::kDouble);
    model_.config.max_position_embeddings = kContext;
    model_.config.bos_token_id = tests::kBos;
    arc("arc_easy/test", {{"How many legs has an ant?", 1}, {"Ice is", 0}, {"Two and two?", 2}});
    arc("arc_easy/train", {{"Red?", 0}, {"Blue?", 1}});
  }

  text::Tokenizer tokenizer() {
    write_file(directory_.path() / "tokenizer.json", tests::tiny_tokenizer_json(true).dump());
    return text::Tokenizer::from_json(directory_.path() / "tokenizer.json");
  }

  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = directory_.path() / (name + ".jsonl");
    std::filesystem::create_directories(path.parent_path());
    write_file(path, text);
  }

  void arc(const std::string& name, const std::vector<std::pair<std::string, int>>& questions) {
    std::string lines;
    for (const auto& [question, gold] : questions) {
      const Json choices = {{"text", {"six", "six legs", "4"}}, {"label", {"A", "B", "C"}}};
      lines += Json{{"question", question},
                    {"choices", choices},
                    {"answerKey", std::string(1, static_cast<char>('A' + gold))}}
                   .dump() +
               "\n";
    }
    write(name, lines);
  }

  void gsm8k(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) {
      lines +=
          Json{{"question", cat("What is ", i, " + ", i, "?")}, {"answer", cat("#### ", 2 * i)}}
              .dump() +
          "\n";
    }
    write("gsm8k/test", lines);
    write("gsm8k/train", lines);
  }

  PreparedTask one(const std::string& name, const TaskOptions& options = {}) {
    TaskSuite suite = prepare_suite(name, directory_.path(), model_, options);
    EXPECT_EQ(suite.tasks.size(), 1u);
    return std::move(suite.tasks.front());
  }

  /// log p of the last `count` tokens of `text`, from all logits of the last kContext inputs.
  double log_likelihood(const std::string& text, int64_t count) {
    std::vector<int32_t> ids = model_.tokenizer.encode(text);
    if (const auto size = static_cast<int64_t>(ids.size()); size > kContext + 1) {
      ids.erase(ids.begin(), ids.begin() + (size - kContext - 1));
    }
    const at::Tensor tokens = at::tensor(std::vector<int64_t>(ids.begin(), ids.end()));
    const int64_t n = tokens.size(0);
    const at::Tensor h = model_.decoder.hidden(tokens, std::vector<int64_t>{n});
    const at::Tensor p = at::log_softmax(model_.decoder.logits(h), -1);
    double sum = 0;
    for (int64_t i = n - count; i < n; ++i) {
      sum += p[i - 1][tokens[i].item<int64_t>()].item<double>();
    }
    return sum;
  }

  std::string error_of(const std::string& task, const TaskOptions& options = {}) {
    try {
      prepare_suite(task, directory_.path(), model_, options);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  tests::TempDir directory_;
  model::Model model_;
};

TEST_F(TaskRun, ChoicesAreScoredByTheirLikelihood) {
  for (const int64_t shots : {0, 2}) {
    TaskOptions options;
    options.shots = shots;
    const PreparedTask task = one("arc_easy", options);
    EXPECT_EQ(task.protocol.documents, 3);
    EXPECT_EQ(task.protocol.shots, shots);
    EXPECT_EQ(task.protocol.truncated, shots == 0 ? 0 : 3);
    const std::vector<TaskSample> samples = run_task(model_.decoder, task, {});
    ASSERT_EQ(samples.size(), 3u);
    const std::vector<std::string> answers = {" six", " six legs", " 4"};
    // Two of two examples, drawn by CPython's random.Random(1234).sample(range(2), 2) three times.
    const std::string red = "Question: Red?\nAnswer: six\n\n",
                      blue = "Question: Blue?\nAnswer: six legs\n\n";
    const std::vector<std::string> before = {blue + red, red + blue, red + blue};
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(samples[i].index, static_cast<int64_t>(i));
      ASSERT_EQ(samples[i].log_likelihoods.size(), 3u);
      for (size_t c = 0; c < 3; ++c) {
        const std::string text = (shots == 0 ? "" : before[i]) + task.documents[i].question(0);
        EXPECT_NEAR(samples[i].log_likelihoods[c],
                    log_likelihood(text + answers[c], static_cast<int64_t>(answers[c].size())),
                    1e-10)
            << shots << " " << i << " " << c;
      }
      EXPECT_EQ(samples[i].metrics.size(), 2u);
    }
  }
}

TEST_F(TaskRun, AnswersEndAtAStop) {
  gsm8k(7);
  TaskOptions options;
  options.shots = 0;
  options.max_new_tokens = 30;
  PreparedTask task = one("gsm8k", options);
  EXPECT_EQ(task.protocol.max_new_tokens, 30);
  const std::vector<TaskSample> whole = run_task(model_.decoder, task, {});
  for (size_t i = 0; i < whole.size(); ++i) {
    generate::DecodeOptions decoding = task.requests[i].options;
    const auto completion = generate::decode(model_.decoder, task.requests[i].prompt, decoding);
    EXPECT_EQ(whole[i].response, model_.tokenizer.decode(completion, /*skip_special=*/true));
  }
  // A piece of what each says as the stop for all.
  const std::string stop = whole[2].response.substr(5, 2);
  ASSERT_EQ(stop.size(), 2u);
  task.task.stops = {stop};
  int done = 0;
  TaskRunOptions running;
  running.batch_size = 3;
  running.done = [&] { ++done; };
  const std::vector<TaskSample> cut = run_task(model_.decoder, task, running);
  EXPECT_EQ(done, 7);
  for (size_t i = 0; i < cut.size(); ++i) {
    EXPECT_EQ(cut[i].response, whole[i].response.substr(0, whole[i].response.find(stop)));
  }
  EXPECT_LT(cut[2].response.size(), whole[2].response.size());
}

TEST_F(TaskRun, StoppedGivesNothing) {
  gsm8k(7);
  TaskRunOptions running;
  int asked = 0;
  running.stop = [&] { return ++asked > 3; };
  TaskOptions options;
  options.max_new_tokens = 20;
  EXPECT_TRUE(run_task(model_.decoder, one("gsm8k", options), running).empty());
  running.stop = [] { return true; };
  EXPECT_TRUE(run_task(model_.decoder, one("arc_easy"), running).empty());
}

// Keys and values of one rank must never be seen by another.
TEST_F(TaskRun, ARankScoresTheSameInAnyCompany) {
  gsm8k(5);
  adapter::Adapter adapter;
  adapter.rule.method = adapter::Method::matryoshka;
  adapter.rule.rank = 4;
  adapter.rule.train_ranks = {1, 2, 4};
  adapter.layers = adapter::new_layers(model_.decoder, std::vector<std::string>{"all-linear"}, 4,
                                       adapter::Init::kaiming, 7);
  uint64_t seed = 100;
  for (auto& layer : adapter.layers) {
    layer.b = tests::random_tensor(layer.b.sizes(), ++seed, at::kFloat, 0.5);
  }
  TaskOptions preparing;
  preparing.max_new_tokens = 12;
  preparing.shots = 1;
  const std::vector<TaskSuite> suites = {
      prepare_suite("gsm8k", directory_.path(), model_, preparing),
      prepare_suite("arc_easy", directory_.path(), model_, preparing)};
  SweepOptions options;
  options.samples = true;
  options.ranks = {4, 0, 2, 1};
  const SweepResult together = run_sweep(model_.decoder, &adapter, {{}, suites}, options);
  std::vector<TaskSample> apart;
  for (const int64_t rank : {4, 0, 2, 1}) {
    options.ranks = {rank};
    const SweepResult alone = run_sweep(model_.decoder, &adapter, {{}, suites}, options);
    apart.insert(apart.end(), alone.task_samples.begin(), alone.task_samples.end());
  }
  ASSERT_EQ(together.task_samples.size(), apart.size());
  ASSERT_EQ(apart.size(), 4u * (5 + 3));
  for (size_t i = 0; i < apart.size(); ++i) {
    EXPECT_EQ(together.task_samples[i].rank, apart[i].rank);
    EXPECT_EQ(together.task_samples[i].response, apart[i].response);
    EXPECT_EQ(together.task_samples[i].log_likelihoods, apart[i].log_likelihoods);
  }
  EXPECT_NE(apart[5].log_likelihoods, apart[13].log_likelihoods);  // ranks do differ
}

TEST_F(TaskRun, AGroupHasAMeanOfItsOwn) {
  for (const auto& [subject, count] : {std::pair{"anatomy", 2}, {"virology", 3}}) {
    std::string lines;
    for (int i = 0; i < count; ++i) {
      lines +=
          Json{{"question", cat("Which ", i)}, {"choices", {"p", "q", "r", "s"}}, {"answer", i}}
              .dump() +
          "\n";
    }
    write(cat("mmlu/", subject, "/test"), lines);
  }
  const TaskSuite suite = prepare_suite("mmlu", directory_.path(), model_, {});
  ASSERT_EQ(suite.tasks.size(), 2u);
  std::vector<std::vector<TaskSample>> samples;
  for (const PreparedTask& task : suite.tasks) {
    samples.push_back(run_task(model_.decoder, task, {}));
  }
  for (auto& of_task : samples) {
    for (TaskSample& sample : of_task) sample.metrics = {{"acc", sample.index == 0 ? 1.0 : 0, {}}};
  }
  const std::vector<TaskScore> scores = task_scores(suite, samples);
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(scores[0].task, "mmlu");
  EXPECT_EQ(scores[0].documents, 5);
  EXPECT_DOUBLE_EQ(scores[0].metrics[0].value, 2.0 / 5);
  EXPECT_EQ(scores[1].task, "mmlu_anatomy");
  EXPECT_DOUBLE_EQ(scores[1].metrics[0].value, 0.5);
  EXPECT_DOUBLE_EQ(scores[2].metrics[0].value, 1.0 / 3);
}

TEST_F(TaskRun, WhatCannotBeScoredIsTheUsersError) {
  TaskOptions options;
  options.shots = 3;
  EXPECT_NE(error_of("arc_easy", options).find("--shots"), std::string::npos);
  gsm8k(2);
  options = {};
  options.shots = 0;
  options.max_new_tokens = kContext;
  EXPECT_NE(error_of("gsm8k", options).find("--max-new-tokens"), std::string::npos);
  write("winogrande/validation", Json{{"sentence", "_" + std::string(kContext, 'x')},
                                      {"option1", "a"},
                                      {"option2", "b"},
                                      {"answer", "1"}}
                                         .dump() +
                                     "\n");
  EXPECT_NE(error_of("winogrande").find("longer than the model's context"), std::string::npos);
  write("arc_easy/test", "{\"question\": \"Why?\"}\n");
  EXPECT_NE(error_of("arc_easy").find("test.jsonl:1"), std::string::npos);
}

}  // namespace
}  // namespace matlora::eval

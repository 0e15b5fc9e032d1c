#include "matlora/train/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/format/safetensors.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

namespace matlora::train {
namespace {

using adapter::Method;
using tests::expect_has;
using tests::same_bits;
using tests::tiny_rule;
using tests::TinyRun;
using tests::user_error;

Recipe some_recipe(int64_t max_steps = 4) {
  Recipe recipe;
  recipe.batch_size = 4;
  recipe.grad_accum = 2;
  recipe.max_steps = max_steps;
  recipe.learning_rate = 1e-2;
  recipe.weight_decay = 0.1;
  recipe.schedule = Schedule::cosine;
  return recipe;
}

const RecipeRecord kRecipe = {{"lr", "1"}, {"seed", "42"}};

/// A, B and all that the optimizer keeps.
std::vector<at::Tensor> everything(TinyRun& run) {
  std::vector<at::Tensor> all = run.matrices();
  for (const OptimizerState& state : run.trainer.optimizer().state()) {
    for (const at::Tensor& value : state.values) all.push_back(value.clone());
  }
  return all;
}

struct ResumeCase {
  Method method;
  std::string optimizer;
};

TEST(Checkpoint, ResumedRunEndsTheSameToTheBit) {
  for (const auto& [method, optimizer] :
       {ResumeCase{Method::matryoshka, "adamw"}, ResumeCase{Method::dylora, "adamw"},
        ResumeCase{Method::dylora, "sgd"}}) {
    const tests::TempDir directory;
    const auto rule = tiny_rule(method, {1, 2, 4});
    Recipe recipe = some_recipe();
    recipe.optimizer = optimizer;
    TinyRun whole(rule, recipe);
    const std::vector<at::Tensor> start = whole.matrices();
    const auto expected = whole.run(4);
    EXPECT_FALSE(same_bits(whole.matrices(), start));

    TinyRun stopped(rule, recipe);
    stopped.run(2);
    save_state(directory.path(), stopped.adapter, stopped.trainer, kRecipe);

    TinyRun resumed(rule, recipe);
    restore_state(directory.path(), resumed.adapter, resumed.trainer, kRecipe);
    EXPECT_EQ(resumed.trainer.step(), 2);
    EXPECT_TRUE(same_bits(resumed.matrices(), stopped.matrices()));
    const auto reports = resumed.run(2);
    EXPECT_TRUE(resumed.trainer.done());
    for (size_t i = 0; i < reports.size(); ++i) {
      EXPECT_EQ(reports[i].step, expected[i + 2].step);
      EXPECT_EQ(reports[i].loss, expected[i + 2].loss);
      EXPECT_EQ(reports[i].grad_norm, expected[i + 2].grad_norm);
      EXPECT_EQ(reports[i].learning_rate, expected[i + 2].learning_rate);
      EXPECT_EQ(reports[i].sampled_ranks, expected[i + 2].sampled_ranks);
    }
    EXPECT_TRUE(same_bits(everything(resumed), everything(whole)));
  }
}

// The names and their order in the file, for tools and for states that are there.
TEST(Checkpoint, NamesOfTheTensors) {
  for (const OptimizerKind& kind : optimizers()) {
    const tests::TempDir directory;
    Recipe recipe = some_recipe();
    recipe.optimizer = kind.name;
    TinyRun run(tiny_rule(Method::lora, {4}), recipe);
    save_state(directory.path(), run.adapter, run.trainer, kRecipe);
    const auto file = format::Safetensors::open(directory.path() / kStateFile);
    std::vector<std::string> expected;
    for (const adapter::LayerAdapter& layer : run.adapter.layers) {
      for (const std::string part : {".A", ".B"}) {
        expected.push_back(layer.layer + part);
        for (const OptimizerState& state : run.trainer.optimizer().state()) {
          expected.push_back(layer.layer + part + "." + state.name);
        }
      }
    }
    std::vector<std::string> names;
    for (const format::TensorView& view : file.tensors()) names.push_back(view.name);
    EXPECT_EQ(names, expected);
  }
}

TEST(Checkpoint, SavingDoesNotDisturbTheRun) {
  const tests::TempDir directory;
  const auto rule = tiny_rule(Method::matryoshka, {1, 2, 4});
  TinyRun quiet(rule, some_recipe()), saving(rule, some_recipe());
  quiet.run(4);
  for (int i = 0; i < 4; ++i) {
    saving.run(1);
    save_state(directory.path(), saving.adapter, saving.trainer, kRecipe);
  }
  EXPECT_TRUE(same_bits(saving.matrices(), quiet.matrices()));
}

TEST(Checkpoint, SizeOfAStateIsKnownBefore) {
  const tests::TempDir directory;
  TinyRun run(tiny_rule(Method::matryoshka, {1, 2, 4}), some_recipe());
  run.run(1);
  save_state(directory.path(), run.adapter, run.trainer, kRecipe);
  const auto size = static_cast<int64_t>(std::filesystem::file_size(directory.path() / kStateFile));
  EXPECT_LE(size, state_bytes(run.adapter, run.trainer.optimizer()));
}

// Another thread saves while the run goes on: what it saves is always a whole step.
TEST(Checkpoint, SavesOnlyWholeSteps) {
  const auto rule = tiny_rule(Method::matryoshka, {1, 2, 4});
  TinyRun run(rule, some_recipe(60));
  std::atomic<bool> done = false;
  std::thread saver([&] {
    while (!done) {
      const tests::TempDir directory;
      save_state(directory.path(), run.adapter, run.trainer, kRecipe);
      TinyRun saved(rule, some_recipe(60)), expected(rule, some_recipe(60));
      restore_state(directory.path(), saved.adapter, saved.trainer, kRecipe);
      expected.run(saved.trainer.step());
      EXPECT_TRUE(same_bits(saved.matrices(), expected.matrices()));
    }
  });
  run.run(60);
  done = true;
  saver.join();
}

TEST(Checkpoint, RejectsWhatItCannotResume) {
  const tests::TempDir directory;
  const auto rule = tiny_rule(Method::matryoshka, {1, 2, 4});
  TinyRun run(rule, some_recipe());
  const auto restore = [&](TinyRun& into, const RecipeRecord& recipe) {
    return user_error([&] { restore_state(directory.path(), into.adapter, into.trainer, recipe); });
  };
  const std::string missing = restore(run, kRecipe);
  expect_has(missing, directory.path().string());
  expect_has(missing, "nothing to resume: no trainer_state.safetensors");

  run.run(2);
  save_state(directory.path(), run.adapter, run.trainer, kRecipe);
  const std::string other = restore(run, {{"lr", "2"}, {"seed", "42"}, {"mask", "diag"}});
  expect_has(other, (directory.path() / kStateFile).string());
  expect_has(other, "other options: lr: was 1, is 2; mask: was none, is diag; repeat it");

  expect_has(restore(run, {{"lr", "1"}, {"seed", "42"}, {"data", "0123"}}),
             "other options: another data; repeat it");

  TinyRun wider(tiny_rule(Method::matryoshka, {1, 2, 4}, 5), some_recipe());
  expect_has(restore(wider, kRecipe), "missing, or not float32 of the adapter's shape");

  TinyRun shorter(rule, some_recipe(1));
  expect_has(restore(shorter, kRecipe), "'step': expected 0..1, got '2'");
  EXPECT_EQ(shorter.trainer.step(), 0);

  directory.write(kStateFile, "not a safetensors file");
  restore(run, kRecipe);  // user_error wants an error
}

/// The state of a run, written again with other metadata and, where `bad` is set, a NaN in its last
/// tensor.
void rewrite_state(const std::filesystem::path& directory,
                   const std::map<std::string, std::string>& metadata, bool bad) {
  const auto path = directory / kStateFile;
  const format::Safetensors file = format::Safetensors::open(path);
  std::vector<format::TensorView> views = file.tensors();
  std::vector<float> numbers(views.back().bytes.size() / sizeof(float), 0);
  if (bad) {
    numbers.back() = NAN;
    views.back().bytes = std::as_bytes(std::span(numbers));
  }
  format::write_safetensors(path, views, metadata);
}

TEST(Checkpoint, VersionsOfAStateAndNumbersThatAreNotFinite) {
  const tests::TempDir directory;
  TinyRun run(tiny_rule(Method::matryoshka, {1, 2, 4}), some_recipe());
  run.run(2);
  save_state(directory.path(), run.adapter, run.trainer, kRecipe);
  auto metadata = format::Safetensors::open(directory.path() / kStateFile).metadata();
  const auto restore = [&] {
    return user_error([&] { restore_state(directory.path(), run.adapter, run.trainer, kRecipe); });
  };
  struct Case {
    const char* version;
    bool newer;
  };
  for (const auto& [version, newer] :
       {Case{"3", true}, Case{"1000", true}, Case{"1", false}, Case{"0", false}, Case{"", false},
        Case{"3x", false}, Case{"99999999999999999999", false}}) {
    metadata["format_version"] = version;
    rewrite_state(directory.path(), metadata, false);
    const std::string message = restore();
    expect_has(message, cat("expected format_version 2, got ", version));
    EXPECT_EQ(message.find("a newer matlora wrote it") != std::string::npos, newer) << message;
  }
  metadata.erase("format_version");
  rewrite_state(directory.path(), metadata, false);
  expect_has(restore(), "expected format_version 2, got none");
  metadata["format_version"] = "2";
  rewrite_state(directory.path(), metadata, true);
  expect_has(restore(), "expected finite numbers, got NaN at [");
}

TEST(Checkpoint, AnotherOptimizersStateIsNamed) {
  const tests::TempDir directory;
  const auto rule = tiny_rule(Method::matryoshka, {1, 2, 4});
  TinyRun adamw(rule, some_recipe());
  Recipe plain = some_recipe();
  plain.optimizer = "sgd";
  TinyRun sgd(rule, plain);
  const auto restore = [&](TinyRun& into) {
    return user_error(
        [&] { restore_state(directory.path(), into.adapter, into.trainer, kRecipe); });
  };
  adamw.run(1);
  save_state(directory.path(), adamw.adapter, adamw.trainer, kRecipe);
  expect_has(restore(sgd), "other options: optimizer: was adamw, is sgd; repeat it");
  // Written before states named the optimizer.
  auto metadata = format::Safetensors::open(directory.path() / kStateFile).metadata();
  metadata["recipe"] = R"({"lr": "1", "seed": "42"})";
  rewrite_state(directory.path(), metadata, false);
  expect_has(restore(sgd), "optimizer: was adamw, is sgd");
  restore_state(directory.path(), adamw.adapter, adamw.trainer, kRecipe);
  EXPECT_EQ(adamw.trainer.step(), 1);
  sgd.run(1);
  save_state(directory.path(), sgd.adapter, sgd.trainer, kRecipe);
  expect_has(restore(adamw), "optimizer: was sgd, is adamw");
}

}  // namespace
}  // namespace matlora::train

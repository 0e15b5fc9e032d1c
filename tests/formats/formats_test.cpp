// A file of each version of each format that matlora writes, kept in files/ for good: what an
// earlier matlora wrote is read, or refused by its version. Who raises a version adds a sample:
// MATLORA_WRITE_FORMATS=1 matlora_tests --gtest_filter=Formats.TheNewestVersionsAreKept
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/base/output.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/adapter_io.h"
#include "matlora/report/report.h"
#include "matlora/train/checkpoint.h"
#include "tests/support/report.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

namespace matlora {
namespace {

namespace fs = std::filesystem;
using tests::expect_has;

const fs::path kFiles = fs::path(__FILE__).parent_path() / "files";
const train::RecipeRecord kRecipe = {{"lr", "0.01"}, {"seed", "42"}};

struct FourSteps : tests::TinyRun {
  FourSteps() : TinyRun(tests::tiny_rule(adapter::Method::matryoshka, {1, 2}, 2), recipe()) {}
  static train::Recipe recipe() {
    train::Recipe recipe;
    recipe.batch_size = 4;
    recipe.grad_accum = 1;
    recipe.max_steps = 4;
    return recipe;
  }
};

/// What this matlora writes: adapter/, output/, sweep/, state/.
void write_all(const fs::path& directory) {
  for (const char* name : {"adapter", "sweep", "state"}) fs::create_directories(directory / name);
  FourSteps run;
  run.run(2);
  model::save_adapter(directory / "adapter", run.adapter, {"models/tiny", "12ab"});
  train::save_state(directory / "state", run.adapter, run.trainer, kRecipe);
  write_file(directory / "sweep/sweep.json", pretty(report::sweep_json(tests::full_report())));
  OutputDirectory output(directory / "output", {"sweep", {"a", "b"}});
  write_file(output.path() / "a", "1");
  output.commit();
}

std::string version_in(const fs::path& json) { return read_json(json).at("format_version").dump(); }

std::string version_of_state(const fs::path& file) {
  return format::Safetensors::open(file).metadata().at("format_version");
}

/// Of a file that this matlora wrote, and the sample of its version.
struct Kept {
  fs::path written;
  std::string sample;
};

std::vector<Kept> newest(const fs::path& directory) {
  const fs::path own = directory / "adapter/matlora.json";
  const fs::path record = directory / "output/.matlora/record.json";
  const fs::path sweep = directory / "sweep/sweep.json";
  const fs::path state = directory / "state" / train::kStateFile;
  return {{directory / "adapter", "adapter-v" + version_in(own)},
          {record, "record-v" + version_in(record) + ".json"},
          {sweep, "sweep-v" + version_in(sweep) + ".json"},
          {state, "state-v" + version_of_state(state) + ".safetensors"}};
}

/// Puts a sample where its reader looks for it.
void put(const std::string& sample, const fs::path& path) {
  fs::create_directories(path.parent_path());
  fs::copy(kFiles / sample, path, fs::copy_options::overwrite_existing);
}

TEST(Formats, TheNewestVersionsAreKept) {
  const tests::TempDir directory;
  write_all(directory.path());
  for (const Kept& kept : newest(directory.path())) {
    if (std::getenv("MATLORA_WRITE_FORMATS") != nullptr && !fs::exists(kFiles / kept.sample)) {
      fs::copy(kept.written, kFiles / kept.sample);
    }
    EXPECT_TRUE(fs::exists(kFiles / kept.sample)) << kept.sample;
  }
}

TEST(Formats, AdapterV1) {
  const model::LoadedAdapter loaded = model::load_adapter(kFiles / "adapter-v1", at::kCPU);
  EXPECT_EQ(loaded.adapter.rule.method, adapter::Method::matryoshka);
  EXPECT_EQ(loaded.adapter.rule.train_ranks, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(loaded.adapter.layers.size(), 6u);
  EXPECT_EQ(loaded.info.base_digest, "12ab");
}

TEST(Formats, RecordV1) {
  const tests::TempDir directory;
  const fs::path output = directory.path() / "output";
  put("record-v1.json", output / ".matlora/record.json");
  for (const char* name : {"a", "mine"}) write_file(output / name, "old");
  OutputDirectory again(output, {"sweep", {"b"}, /*force=*/true});
  write_file(again.path() / "b", "new");
  again.commit();
  EXPECT_FALSE(fs::exists(output / "a"));  // the record says that it was matlora's
  EXPECT_TRUE(fs::exists(output / "mine"));
}

TEST(Formats, SweepV1) {
  const tests::TempDir directory;
  put("sweep-v1.json", directory.path() / "sweep.json");
  const auto sweeps = report::read_sweeps(directory.path(), "old");
  ASSERT_EQ(sweeps.size(), 2u);
  EXPECT_EQ(sweeps[0].rows.back().rank, 4);
  EXPECT_EQ(sweeps[0].rows.back().token_accuracy, 0.6);
}

TEST(Formats, SweepBeforeVersions) {
  const tests::TempDir directory;
  put("sweep-unversioned.json", directory.path() / "sweep.json");
  const auto sweeps = report::read_sweeps(directory.path(), "old");
  ASSERT_EQ(sweeps.size(), 1u);
  EXPECT_EQ(sweeps[0].rows.back().loss, 1.0);
}

TEST(Formats, StateV2) {
  const tests::TempDir directory;
  put("state-v2.safetensors", directory.path() / train::kStateFile);
  FourSteps run;
  train::restore_state(directory.path(), run.adapter, run.trainer, kRecipe);
  EXPECT_EQ(run.trainer.step(), 2);
  run.run(2);
  EXPECT_TRUE(run.trainer.done());
}

// Version 1 had the recipe as one line of text and no version.
TEST(Formats, StateV1IsRefusedByItsVersion) {
  const tests::TempDir directory;
  put("state-v1.safetensors", directory.path() / train::kStateFile);
  FourSteps run;
  expect_has(tests::user_error([&] {
               train::restore_state(directory.path(), run.adapter, run.trainer, kRecipe);
             }),
             "a state of another version of matlora: expected format_version 2, got none");
}

}  // namespace
}  // namespace matlora

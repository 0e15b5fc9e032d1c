#include "matlora/format/path_kind.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace matlora::format {
namespace {

namespace fs = std::filesystem;

struct PathKindTest : ::testing::Test {
  test::TempDir dir;
  fs::path folder(const std::string& name, const std::string& file = "") {
    fs::create_directories(dir.path() / name);
    if (!file.empty()) dir.write(name + "/" + file, "x");
    return dir.path() / name;
  }
};

TEST_F(PathKindTest, SaysWhatIsThere) {
  EXPECT_EQ(what_is(dir.path() / "absent"), "nothing");
  EXPECT_EQ(what_is(dir.path() / "absent" / "deeper"), "nothing");
  EXPECT_EQ(what_is(dir.write("a.gguf", "GGUF....")), "a GGUF file");
  EXPECT_EQ(what_is(dir.write("noname", "GGUF")), "a GGUF file");
  EXPECT_EQ(what_is(dir.write("b.gguf", "GG")),
            "a file named .gguf that does not begin with 'GGUF'");
  EXPECT_EQ(what_is(dir.write("a.safetensors", "")), "a safetensors file");
  EXPECT_EQ(what_is(dir.write("pytorch_model.bin", "")), "a file of PyTorch's pickles");
  EXPECT_EQ(what_is(dir.write("notes.txt", "")), "a file");
  EXPECT_EQ(what_is("/dev/null"), "neither a file nor a directory");
  EXPECT_EQ(what_is(folder("empty")), "an empty directory");
  EXPECT_EQ(what_is(folder("model", "config.json")), "a directory with a model (config.json)");
  EXPECT_EQ(what_is(folder("adapter", "adapter_config.json")),
            "a directory with an adapter (adapter_config.json)");
  EXPECT_EQ(what_is(folder("sweep", "sweep.json")), "a directory with a sweep's results");
  EXPECT_EQ(what_is(folder("run", "trainer_state.safetensors")),
            "a directory with an unfinished training run");
  EXPECT_EQ(what_is(folder("data", "train.jsonl")), "a directory with the file train.jsonl");
  folder("trainer/checkpoint-5", "adapter_config.json");
  EXPECT_EQ(what_is(folder("trainer")), "a directory with an adapter in checkpoint-5/");
  EXPECT_EQ(what_is(folder("other", "notes.txt")), "a directory");
}

TEST_F(PathKindTest, RefusesPickledWeights) {
  for (const std::string name :
       {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json",
        "consolidated.00.pth", "model.ckpt", "model.pt"}) {
    const fs::path path = folder("with " + name, name);
    EXPECT_USER_ERROR(refuse_pickled_weights(path), name + ": a pickle, which can run code");
    EXPECT_USER_ERROR(refuse_pickled_weights(path),
                      "expected model.safetensors; to make it: python");
    EXPECT_USER_ERROR(refuse_pickled_weights(path / name), "'" + path.string() + "'");
  }
  // A trainer's other files are not weights, and an adapter's are read.
  for (const std::string name :
       {"adapter_model.bin", "training_args.bin", "optimizer.pt", "rng_state.pth", "x.bin"}) {
    EXPECT_NO_THROW(refuse_pickled_weights(folder("without " + name, name)));
  }
  EXPECT_NO_THROW(refuse_pickled_weights(dir.path() / "absent"));
  EXPECT_NO_THROW(refuse_pickled_weights(dir.path() / "absent" / "pytorch_model.bin"));
}

}  // namespace
}  // namespace matlora::format

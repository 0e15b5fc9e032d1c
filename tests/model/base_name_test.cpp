#include "matlora/model/base_name.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/gguf_builder.h"

namespace matlora::model {
namespace {

using test::GgufBuilder;

TEST(HubRepository, OfAnAddressOrAName) {
  EXPECT_EQ(hub_repository("https://huggingface.co/ORG/Na.me-1_x"), "ORG/Na.me-1_x");
  EXPECT_EQ(hub_repository("http://www.huggingface.co/org/name/tree/main"), "org/name");
  EXPECT_EQ(hub_repository("hf.co/org/name?x=1"), "org/name");
  EXPECT_EQ(hub_repository("org/name"), "org/name");
  for (const char* text : {"", "name", "https://github.com/org/name", "/abs/path", "../up", "org/",
                           "https://huggingface.co/datasets/org/name", "a b/c", "~/models/x"}) {
    EXPECT_EQ(hub_repository(text), "") << text;
  }
}

struct BaseName : ::testing::Test {
  test::TempDir dir;

  std::string of(const GgufBuilder& file) { return base_name(dir.write("x.gguf", file.bytes())); }
};

TEST_F(BaseName, OfADirectoryIsItsAbsolutePath) {
  EXPECT_EQ(base_name(dir.path()), dir.path().string());
  EXPECT_EQ(base_name(dir.path() / "absent"), "");
}

TEST_F(BaseName, OfAGgufFileIsWhereItComesFrom) {
  EXPECT_EQ(of(GgufBuilder().string("general.repo_url", "https://huggingface.co/a/b")), "a/b");
  EXPECT_EQ(of(GgufBuilder()
                   .string("general.repo_url", "https://huggingface.co/other/b-GGUF")
                   .string("general.source.repo_url", "https://huggingface.co/a/b")),
            "a/b");
  // What holds only GGUF files is not what transformers loads.
  EXPECT_EQ(of(GgufBuilder().string("general.url", "https://huggingface.co/other/b-GGUF")), "");
  EXPECT_EQ(of(GgufBuilder().string("general.name", "b")), "");
  EXPECT_EQ(of(GgufBuilder().u32("general.url", 7)), "");
}

/// general.base_model names the parent of a fine-tuned model: other weights.
TEST_F(BaseName, TakesTheBaseModelOnlyWhereItIsTheSame) {
  const auto file = [](const std::string& name) {
    GgufBuilder gguf;
    gguf.string("general.name", name)
        .string("general.base_model.0.name", "Llama 3.2 1B")
        .string("general.base_model.0.repo_url", "https://huggingface.co/meta-llama/Llama-3.2-1B");
    return gguf;
  };
  EXPECT_EQ(of(file("Llama-3.2-1b")), "meta-llama/Llama-3.2-1B");
  EXPECT_EQ(of(file("Llama 3.2 1B Instruct")), "");
}

}  // namespace
}  // namespace matlora::model

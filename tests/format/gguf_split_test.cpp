// A model in several GGUF files, as llama.cpp's gguf-split writes them.
#include <gtest/gtest.h>

#include "matlora/format/gguf.h"
#include "tests/support/gguf_builder.h"

namespace matlora::format {
namespace {

using test::GgufBuilder;
using test::raw;

constexpr uint32_t kF32Type = 0;

struct SplitTest : ::testing::Test {
  test::TempDir dir;
  std::vector<GgufBuilder> parts = {part(0, "a"), part(1, "b"), part(2, "output.weight")};

  static GgufBuilder part(uint16_t index, const std::string& tensor, uint16_t count = 3) {
    GgufBuilder file;
    if (index == 0) file.string("general.architecture", "llama");
    file.pair("split.no", test::kU16, raw(index)).pair("split.count", test::kU16, raw(count));
    file.pair("split.tensors.count", test::kI32, raw(int32_t{count}));
    return file.tensor(tensor, {2}, kF32Type, "12345678");
  }

  std::filesystem::path write() {
    for (size_t i = 0; i < parts.size(); ++i) {
      dir.write(cat("m-0000", i + 1, "-of-00003.gguf"), parts[i].bytes());
    }
    return dir.path() / "m-00001-of-00003.gguf";
  }
};

TEST_F(SplitTest, IsOneModel) {
  const Gguf model = Gguf::open(write());
  ASSERT_EQ(model.tensors().size(), 3u);
  EXPECT_EQ(model.string("general.architecture"), "llama");
  for (const char* name : {"a", "b", "output.weight"}) {
    const GgufTensor* tensor = model.find(name);
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(tensor->bytes[7], std::byte{'8'});
    const auto whole = tensor->file->bytes();
    EXPECT_GE(tensor->bytes.data(), whole.data());
    EXPECT_LE(tensor->bytes.data() + 8, whole.data() + whole.size());
  }
  EXPECT_NE(model.find("a")->file, model.find("b")->file);
}

TEST_F(SplitTest, AMissingPartIsNamed) {
  for (const char* name : {"m-00002-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    const auto path = write();
    std::filesystem::remove(dir.path() / name);
    EXPECT_USER_ERROR(Gguf::open(path), name);
  }
}

TEST_F(SplitTest, BeginsWithTheFirstPart) {
  write();
  EXPECT_USER_ERROR(Gguf::open(dir.path() / "m-00002-of-00003.gguf"),
                    "part 2 of 3 of a model: expected the first, m-00001-of-00003.gguf");
}

TEST_F(SplitTest, NamesAreAsTheyWere) {
  const auto path = write();
  std::filesystem::rename(path, dir.path() / "m.gguf");
  EXPECT_USER_ERROR(Gguf::open(dir.path() / "m.gguf"), "ends in -00001-of-00003.gguf");
}

TEST_F(SplitTest, PartsThatDoNotBelongTogetherAreRefused) {
  parts[1] = part(2, "b");
  EXPECT_USER_ERROR(Gguf::open(write()), "'split.no': expected 1, got 2");
  parts[1] = part(1, "b", 4);
  EXPECT_USER_ERROR(Gguf::open(write()), "'split.count': expected 3 as in the first part, got 4");
  parts[1] = GgufBuilder().tensor("b", {2}, kF32Type, "12345678");
  EXPECT_USER_ERROR(Gguf::open(write()), "'split.count': expected 3 as in the first part, got 0");
  parts[1] = part(1, "a");
  EXPECT_USER_ERROR(Gguf::open(write()), "tensor 'a' appears twice");
}

TEST_F(SplitTest, AllTensorsAreThere) {
  parts[2].tensor("more", {2}, kF32Type, "12345678");
  EXPECT_USER_ERROR(Gguf::open(write()),
                    "'split.tensors.count': expected 3 tensors in all parts, got 4");
  parts[2] = GgufBuilder().pair("split.no", test::kU16, raw(uint16_t{2}));
  parts[2].pair("split.count", test::kU16, raw(uint16_t{3}));
  EXPECT_USER_ERROR(Gguf::open(write()), "expected 3 tensors in all parts, got 2");
}

TEST_F(SplitTest, KeysThatLieAreRefused) {
  parts[0] = part(5, "a");
  EXPECT_USER_ERROR(Gguf::open(write()), "'split.no': expected an integer in 0..2, got 5");
  parts[0] = GgufBuilder().pair("split.count", test::kU16, raw(uint16_t{3}));
  EXPECT_USER_ERROR(Gguf::open(write()), "'split.no' is missing");
  parts[0] = GgufBuilder().string("split.count", "3");
  EXPECT_USER_ERROR(Gguf::open(write()), "'split.count': expected an integer");
  parts[0].pairs.clear();
  parts[0] = GgufBuilder().pair("split.count", test::kI32, raw(int32_t{-3}));
  EXPECT_USER_ERROR(Gguf::open(write()), "'split.count': expected an integer in 0..65535");
}

TEST_F(SplitTest, OnePartIsTheWhole) {
  parts[0] = part(0, "a", 1);
  EXPECT_EQ(Gguf::open(dir.write("any.gguf", parts[0].bytes())).tensors().size(), 1u);
}

}  // namespace
}  // namespace matlora::format

#include "matlora/format/gguf_writer.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace matlora::format {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

struct GgufWriterTest : ::testing::Test {
  test::TempDir dir;
  std::filesystem::path path = dir.path() / "x.gguf";
};

TEST_F(GgufWriterTest, WhatIsWrittenIsRead) {
  GgufPairs pairs;
  const std::vector<int32_t> integers = {-1, 7};
  const std::vector<float> floats = {0.5F, -2};
  pairs.string("general.architecture", "llama").u32("n", 7).f32("x", 0.25).boolean("yes", true);
  pairs.strings("tokens", {"a", "", "\xff"}).i32s("types", integers).f32s("scores", floats);
  pairs.booleans("flags", {true, false});
  GgufWriter writer(path, pairs,
                    {{"w", GgmlType::f32, {3, 2}},
                     {"nothing", GgmlType::f32, {0}},
                     {"q", GgmlType::q8_0, {2, 32}},
                     {"h", GgmlType::f16, {5}}});
  writer.write(bytes_of(std::string(10, 'w')));
  writer.write(bytes_of(std::string(14, 'w')));
  writer.write(bytes_of(std::string(68, 'q')));
  writer.write(bytes_of(std::string(10, 'h')));
  writer.commit();
  const Gguf file = Gguf::open(path);
  EXPECT_EQ(file.string("general.architecture"), "llama");
  EXPECT_EQ(file.integer("n", 0, 10), 7);
  EXPECT_EQ(file.number("x"), 0.25);
  EXPECT_TRUE(file.boolean_or("yes", false));
  EXPECT_EQ(file.strings("tokens"), (std::vector<std::string>{"a", "", "\xff"}));
  EXPECT_EQ(file.integers("types"), (std::vector<int64_t>{-1, 7}));
  EXPECT_EQ(std::get<std::vector<double>>(file.metadata().at("scores")),
            (std::vector<double>{0.5, -2}));
  EXPECT_EQ(std::get<std::vector<bool>>(file.metadata().at("flags")),
            (std::vector<bool>{true, false}));
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.find("w")->shape, (std::vector<int64_t>{3, 2}));
  for (const auto& [name, size] : {std::pair("w", 24u), {"q", 68u}, {"h", 10u}}) {
    const GgufTensor* tensor = file.find(name);
    ASSERT_EQ(tensor->bytes.size(), size);
    EXPECT_EQ(tensor->bytes.front(), std::byte(name[0]));
    EXPECT_EQ(tensor->bytes.back(), std::byte(name[0]));
  }
}

// Of a copy, each type and value is what it was.
TEST_F(GgufWriterTest, PairsAreCopiedAsTheyAre) {
  GgufPairs pairs;
  pairs.string("a", "x").u32("n", 7).strings("list", {"y", "z"});
  GgufWriter(path, pairs, {}).commit();
  const Gguf first = Gguf::open(path);
  GgufPairs copied;
  for (const auto& [key, bytes] : first.stored()) copied.stored(key, bytes);
  EXPECT_EQ(copied.bytes(), pairs.bytes());
  EXPECT_EQ(copied.count(), 3u);
}

TEST_F(GgufWriterTest, NothingIsLeftOfAnUnfinishedFile) {
  {
    GgufWriter writer(path, {}, {{"w", GgmlType::f32, {2}}});
    writer.write(bytes_of("1234"));
    EXPECT_THROW(writer.commit(), BugError);
    EXPECT_THROW(writer.write(bytes_of("123456789")), BugError);
  }
  EXPECT_EQ(dir.entries(), 0u);
  EXPECT_THROW(GgufWriter(path, {}, {{"w", {}, {1}}, {"w", {}, {1}}}), BugError);
  EXPECT_USER_ERROR(GgufWriter(path, {}, {{"w", GgmlType::q8_0, {2, 33}}}),
                    "rows of 33 numbers are no whole blocks of Q8_0");
  EXPECT_USER_ERROR(GgufWriter(dir.path() / "no" / "x", {}, {}), "cannot write the file");
}

}  // namespace
}  // namespace matlora::format

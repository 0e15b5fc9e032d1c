#include "matlora/format/safetensors.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/files.h"

namespace matlora::format {
namespace {

using test::raw;
using test::TempDir;

std::string with_header(const std::string& header, const std::string& data = "") {
  return raw(uint64_t{header.size()}) + header + data;
}

/// `{"a": F32 [2] at 0..8}` with the fields given.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

struct SafetensorsTest : ::testing::Test {
  TempDir dir;

  Safetensors open(const std::string& bytes) {
    return Safetensors::open(dir.write("x.safetensors", bytes));
  }
  std::string error(const std::string& bytes) {
    return test::user_error([&] { open(bytes); });
  }
};

#define EXPECT_REFUSED(bytes, part) EXPECT_TRUE(test::contains(error(bytes), part))

TEST_F(SafetensorsTest, ReadsWhatItWrote) {
  const float a[] = {1, -2, 3, 4, 5, 6};
  const uint8_t b[] = {7, 8, 9};
  const std::vector<TensorView> tensors = {
      {"weight", DType::f32, {2, 3}, std::as_bytes(std::span(a))},
      {"bytes", DType::u8, {3}, std::as_bytes(std::span(b))},
      {"none", DType::bf16, {0, 4}, {}},
      {"scalar", DType::f32, {}, std::as_bytes(std::span(a, 1))},
  };
  const auto path = dir.path() / "out.safetensors";
  write_safetensors(path, tensors, {{"format", "pt"}, {"note", "é \"quoted\""}});
  const Safetensors file = Safetensors::open(path);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("note"), "é \"quoted\"");
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.find("absent"), nullptr);
  for (const TensorView& expected : tensors) {
    const TensorView* got = file.find(expected.name);
    ASSERT_NE(got, nullptr) << expected.name;
    EXPECT_EQ(got->dtype, expected.dtype);
    EXPECT_EQ(got->shape, expected.shape);
    ASSERT_EQ(got->bytes.size(), expected.bytes.size());
    EXPECT_TRUE(std::equal(got->bytes.begin(), got->bytes.end(), expected.bytes.begin()));
  }
  EXPECT_EQ(dir.entries(), 1u);
}

TEST_F(SafetensorsTest, DataBeginAligned) {
  for (const size_t length : {0, 1, 17, 56, 63}) {
    const uint8_t byte = 1;
    const TensorView tensor{
        std::string(length, 'n') + "!", DType::u8, {1}, std::as_bytes(std::span(&byte, 1))};
    const auto path = dir.path() / "out.safetensors";
    write_safetensors(path, {&tensor, 1}, {});
    EXPECT_EQ((std::filesystem::file_size(path) - 1) % 64, 0u);
    EXPECT_EQ(
        reinterpret_cast<uintptr_t>(Safetensors::open(path).find(tensor.name)->bytes.data()) % 64,
        0u);
  }
}

TEST_F(SafetensorsTest, WriterRefusesItsCallersMistakes) {
  const float a[] = {1, 2};
  const TensorView short_bytes{"a", DType::f32, {3}, std::as_bytes(std::span(a))};
  const auto path = dir.path() / "out.safetensors";
  EXPECT_THROW(write_safetensors(path, {&short_bytes, 1}, {}), BugError);
  const TensorView twice[] = {{"a", DType::f32, {2}, std::as_bytes(std::span(a))},
                              {"a", DType::f32, {2}, std::as_bytes(std::span(a))}};
  EXPECT_THROW(write_safetensors(path, twice, {}), BugError);
  EXPECT_USER_ERROR(write_safetensors(path, {}, {{"k", "\xff"}}), "metadata value '\\xff' is not");
  EXPECT_USER_ERROR(write_safetensors(dir.path() / "no" / "x", {}, {}), "cannot write the file");
  EXPECT_EQ(dir.entries(), 0u);
}

TEST_F(SafetensorsTest, DTypeNamesAndSizes) {
  EXPECT_STREQ(dtype_name(DType::boolean), "BOOL");
  EXPECT_STREQ(dtype_name(DType::bf16), "BF16");
  EXPECT_EQ(item_bits(DType::f64), 64u);
  EXPECT_EQ(item_bits(DType::i16), 16u);
  EXPECT_EQ(item_bits(DType::f4), 4u);
}

// Names and sizes of eight items, as safetensors 0.8.0 accepts them (and no other size).
TEST_F(SafetensorsTest, ReadsEveryDtypeOfTheFormat) {
  const std::vector<std::pair<std::string, size_t>> bytes_of_eight = {
      {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
      {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
      {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
      {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
      {"I64", 64},        {"U64", 64}};
  for (const auto& [name, bytes] : bytes_of_eight) {
    for (size_t size = bytes - 1; size <= bytes + 1; ++size) {
      const std::string file = with_header(one(name, "[2,4]", "[0," + std::to_string(size) + "]"),
                                           std::string(size, 'x'));
      if (size != bytes) {
        EXPECT_REFUSED(file, "disagree: expected " + std::to_string(bytes)) << name;
        continue;
      }
      const Safetensors read = open(file);
      EXPECT_EQ(dtype_name(read.tensors()[0].dtype), name);
      EXPECT_EQ(read.tensors()[0].bytes.size(), bytes);
    }
  }
  EXPECT_REFUSED(with_header(one("F4", "[3]", "[0,2]"), "ab"), "expected whole bytes, got 12 bits");
  EXPECT_REFUSED(with_header(one("F6_E2M3", "[1]", "[0,1]"), "a"), "expected whole bytes, got 6");
}

TEST_F(SafetensorsTest, AcceptsEmptyAndOddButLegalFiles) {
  EXPECT_TRUE(open(with_header("{}")).tensors().empty());
  EXPECT_TRUE(open(with_header("{}   ")).tensors().empty());
  for (const std::string space : {" ", "\n", "\t", "\r", " \n\t\r "}) {
    EXPECT_TRUE(open(with_header(space + "{}" + space)).tensors().empty());
    EXPECT_EQ(open(with_header(space + one("U8", "[1]", "[0,1]"), "x")).tensors().size(), 1u);
  }
  EXPECT_TRUE(open(with_header(R"({"__metadata__":null})")).metadata().empty());
  EXPECT_EQ(open(with_header(one("F32", "[]", "[0,4]"), "abcd")).tensors()[0].shape.size(), 0u);
  EXPECT_EQ(open(with_header(one("F32", "[0,9223372036854775807]", "[0,0]"))).tensors().size(), 1u);
  EXPECT_EQ(open(with_header(one("U8", "[3]", "[0,3]"), "abc")).tensors()[0].bytes.size(), 3u);
}

TEST_F(SafetensorsTest, TensorsComeByOffset) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},)"
                             R"("z":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                             R"("e":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})";
  const Safetensors file = open(with_header(header, "abc"));
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors()[0].name, "z");
  EXPECT_EQ(file.tensors()[1].name, "e");
  EXPECT_EQ(file.tensors()[2].name, "a");
}

TEST_F(SafetensorsTest, RefusesAHeaderLengthThatLies) {
  EXPECT_REFUSED("", "expected at least 8 bytes, got 0");
  EXPECT_REFUSED("1234567", "expected at least 8 bytes, got 7");
  EXPECT_REFUSED(raw(UINT64_MAX) + "{}", "header length: expected at most 100000000");
  EXPECT_REFUSED(raw(uint64_t{100'000'001}) + "{}", "header length: expected at most 100000000");
  EXPECT_REFUSED(raw(uint64_t{3}) + "{}", "passes the end of the file: expected 3 bytes, got 2");
  EXPECT_REFUSED(raw(uint64_t{0}), "does not begin with '{'");
  for (const std::string header : {"   ", "[]", "null", "\v{}", "\f{}", "\xef\xbb\xbf{}", "x{}"}) {
    EXPECT_REFUSED(with_header(header), "does not begin with '{'");
  }
  EXPECT_REFUSED(with_header(std::string("\0{}", 3)), "does not begin with '{'");
}

TEST_F(SafetensorsTest, RefusesAHeaderThatIsNotTheJsonItShouldBe) {
  EXPECT_REFUSED(with_header("{"), "x.safetensors: header: not valid JSON");
  EXPECT_REFUSED(with_header("{}x"), "not valid JSON");
  EXPECT_REFUSED(with_header(R"({"a":3})"), "tensor 'a': expected a JSON object");
  EXPECT_REFUSED(with_header(R"({"a":{}})"), "tensor 'a': 'dtype' is missing");
  EXPECT_REFUSED(with_header(R"({"__metadata__":{"a":1}})"), "'a': expected a string, got 1");
  EXPECT_REFUSED(with_header(R"({"__metadata__":[]})"), "__metadata__: expected a JSON object");
}

TEST_F(SafetensorsTest, RefusesDuplicateNames) {
  const std::string entry = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_REFUSED(with_header("{" + entry + "," + entry + "}", "x"), "\"a\" appears twice");
}

TEST_F(SafetensorsTest, RefusesAnUnknownDtype) {
  for (const char* name : {"F128", "f32", "I4", "", "float32"}) {
    EXPECT_REFUSED(
        with_header(one(name, "[4]", "[0,4]"), "abcd"),
        std::string("dtype: expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U8, ") +
            "BOOL, U64, U32, U16, C64, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, " +
            "F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4, got '" + name + "'");
  }
}

TEST_F(SafetensorsTest, RefusesNulBytesInTheHeader) {
  const std::string nul(1, '\0'), header = one("U8", "[1]", "[0,1]");
  EXPECT_REFUSED(with_header(header + nul, "x"), "x.safetensors: header: not valid JSON at column");
  EXPECT_REFUSED(with_header(header + std::string(9, '\0'), "x"), "a NUL byte");
  EXPECT_REFUSED(with_header(header + nul + header, "x"), "a NUL byte");
}

TEST_F(SafetensorsTest, RefusesShapesThatLie) {
  const auto with_shape = [](const char* shape) {
    return with_header(one("F32", shape, "[0,4]"), "abcd");
  };
  EXPECT_REFUSED(with_shape("[-1]"), "'shape': expected an integer in 0..");
  EXPECT_REFUSED(with_shape("[1.0]"), "'shape': expected an integer");
  EXPECT_REFUSED(with_shape("[null]"), "'shape'");
  EXPECT_REFUSED(with_shape("{}"), "'shape': expected a list of integers");
  EXPECT_REFUSED(with_shape("[18446744073709551615]"), "'shape': expected an integer");
  EXPECT_REFUSED(with_shape("[4294967296,4294967296]"), "product of the dimensions overflows");
  EXPECT_REFUSED(with_shape("[0,4294967296,4294967296]"), "product of the dimensions overflows");
  EXPECT_REFUSED(with_shape("[4611686018427387905]"), "the size in bits overflows");
  EXPECT_REFUSED(with_shape("[2]"), "disagree: expected 8 bytes, got 4");
}

TEST_F(SafetensorsTest, RefusesOffsetsThatLie) {
  const auto with_offsets = [](const char* offsets) {
    return with_header(one("U8", "[4]", offsets), "abcd");
  };
  EXPECT_REFUSED(with_offsets("[0,5]"), "its data pass the end of the file");
  EXPECT_REFUSED(with_offsets("[4,0]"), "begin <= end");
  EXPECT_REFUSED(with_offsets("[-4,0]"), "'data_offsets': expected an integer");
  EXPECT_REFUSED(with_offsets("[0]"), "expected [begin, end]");
  EXPECT_REFUSED(with_offsets("[0,2,4]"), "expected [begin, end]");
  EXPECT_REFUSED(with_offsets("[9223372036854775803,9223372036854775807]"), "pass the end");
}

TEST_F(SafetensorsTest, RefusesHolesOverlapsAndLeftovers) {
  const auto pair = [](const char* a, const char* b) {
    return with_header(std::string(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)") + a +
                           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}",
                       "abcde");
  };
  EXPECT_REFUSED(pair("[0,2]", "[3,5]"), "a hole of 1 bytes before tensor 'b'");
  EXPECT_REFUSED(pair("[1,3]", "[3,5]"), "a hole of 1 bytes before tensor 'a'");
  EXPECT_REFUSED(pair("[0,2]", "[1,3]"), "tensor 'b' overlaps the tensor before it by 1 bytes");
  EXPECT_REFUSED(pair("[0,2]", "[2,4]"), "1 bytes after the last tensor belong to none");
  EXPECT_REFUSED(with_header("{}", "x"), "1 bytes after the last tensor");
}

TEST_F(SafetensorsTest, DamageNeverDoesWorseThanAUserError) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]}})";
  const std::string whole = with_header(header, "abcdefghijklmn");
  ASSERT_EQ(open(whole).tensors().size(), 2u);
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(error(whole.substr(0, length)), "(no error)") << length;
  }
  std::mt19937 random(1);
  for (int trial = 0; trial < 3000; ++trial) {
    std::string damaged = whole;
    for (int flips = 1 + trial % 3; flips > 0; --flips) {
      damaged[random() % damaged.size()] ^= static_cast<char>(1u << (random() % 8));
    }
    EXPECT_TRUE(test::contains(error(damaged), "")) << trial;  // UserError or none, no other
  }
}

}  // namespace
}  // namespace matlora::format

#include "matlora/format/gguf.h"

#include <gtest/gtest.h>

#include <random>

#include "matlora/format/dequantize.h"
#include "tests/support/gguf_builder.h"

namespace matlora::format {
namespace {

using test::GgufBuilder;
using test::raw;

constexpr uint32_t kF32Type = 0, kQ4_0Type = 2, kIq2XxsType = 16;

std::string array_of(uint32_t type, uint64_t count, const std::string& items) {
  return raw(type) + raw(count) + items;
}

GgufBuilder small_file() {
  GgufBuilder file;
  file.string("general.architecture", "llama").u32("n", 7).f32("x", 0.5f);
  file.strings("tokens", {"a", "", "\xff"});
  file.pair("types", test::kArray, array_of(test::kI32, 2, raw(int32_t{1}) + raw(int32_t{-3})));
  file.pair("flag", test::kBool, std::string(1, '\1'));
  file.tensor("w", {2, 3}, kF32Type, std::string(24, 'w'));
  file.tensor("q", {32, 2}, kQ4_0Type, std::string(36, 'q'));
  return file;
}

struct GgufTest : ::testing::Test {
  test::TempDir dir;

  Gguf open(const std::string& bytes) { return Gguf::open(dir.write("x.gguf", bytes)); }
  std::string error(const std::string& bytes) {
    return test::user_error([&] { open(bytes); });
  }
};

#define EXPECT_REFUSED(bytes, part) EXPECT_TRUE(test::contains(error(bytes), part))

TEST_F(GgufTest, ReadsMetadataAndTensors) {
  const Gguf file = open(small_file().bytes());
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.string("general.architecture"), "llama");
  EXPECT_EQ(file.integer("n", 0, 10), 7);
  EXPECT_EQ(file.number("x"), 0.5);
  EXPECT_EQ(file.strings("tokens"), (std::vector<std::string>{"a", "", "\xff"}));
  EXPECT_EQ(file.integers("types"), (std::vector<int64_t>{1, -3}));
  EXPECT_TRUE(file.boolean_or("flag", false));
  ASSERT_EQ(file.tensors().size(), 2u);
  const GgufTensor* w = file.find("w");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->shape, (std::vector<int64_t>{3, 2}));  // outermost first
  EXPECT_EQ(w->items(), 6);
  EXPECT_EQ(w->bytes.size(), 24u);
  EXPECT_EQ(w->bytes[0], std::byte{'w'});
  EXPECT_EQ(file.find("q")->bytes[35], std::byte{'q'});
  EXPECT_EQ(file.find("absent"), nullptr);
}

TEST_F(GgufTest, ReadsEveryKindOfNumber) {
  GgufBuilder file;
  file.version = 2;
  file.pair("u8", test::kU8, raw(uint8_t{200})).pair("i8", test::kI8, raw(int8_t{-5}));
  file.pair("u16", test::kU16, raw(uint16_t{60000})).pair("i16", test::kI16, raw(int16_t{-300}));
  file.pair("i32", test::kI32, raw(int32_t{-70000})).pair("u64", test::kU64, raw(UINT64_MAX));
  file.pair("i64", test::kI64, raw(INT64_MIN)).pair("f64", test::kF64, raw(1e300));
  const Gguf got = open(file.bytes());
  EXPECT_EQ(got.version(), 2u);
  EXPECT_EQ(got.integer("u8", 0, 255), 200);
  EXPECT_EQ(got.integer("i8", -128, 127), -5);
  EXPECT_EQ(got.integer("u16", 0, 65535), 60000);
  EXPECT_EQ(got.integer("i16", -1000, 0), -300);
  EXPECT_EQ(got.integer("i32", INT64_MIN, 0), -70000);
  EXPECT_EQ(got.integer("i64", INT64_MIN, 0), INT64_MIN);
  EXPECT_EQ(got.number("f64"), 1e300);
  EXPECT_EQ(std::get<uint64_t>(got.metadata().at("u64")), UINT64_MAX);
  EXPECT_USER_ERROR(got.integer("u64", INT64_MIN, INT64_MAX), "got 18446744073709551615");
}

TEST_F(GgufTest, TypedAccessNamesFileAndKey) {
  const Gguf file = open(small_file().bytes());
  EXPECT_USER_ERROR(file.integer("absent", 0, 1), "x.gguf: 'absent' is missing from the metadata");
  EXPECT_USER_ERROR(file.integer("n", 0, 6), "'n': expected an integer in 0..6, got 7");
  EXPECT_USER_ERROR(file.integer("x", 0, 6), "'x': expected an integer in 0..6, got 0.5");
  EXPECT_USER_ERROR(file.number("n"), "'n': expected a floating-point number, got 7");
  EXPECT_USER_ERROR(file.string("tokens"), "'tokens': expected a string, got an array of 3 values");
  EXPECT_USER_ERROR(file.strings("types"), "'types': expected an array of strings");
  EXPECT_USER_ERROR(file.integers("tokens"), "'tokens': expected an array of integers");
  EXPECT_USER_ERROR(file.boolean_or("n", true), "'n': expected true or false");
  EXPECT_EQ(file.integer_or("absent", 5, 0, 1), 5);
  EXPECT_EQ(file.number_or("absent", 2.5), 2.5);
  EXPECT_EQ(file.string_or("absent", "s"), "s");
  EXPECT_TRUE(file.boolean_or("absent", true));
}

TEST_F(GgufTest, ZeroDimensionsAndScalarsAreLegal) {
  GgufBuilder file;
  file.tensor("none", {0, 3}, kF32Type, "").tensor("scalar", {}, kF32Type, "abcd");
  const Gguf got = open(file.bytes());
  EXPECT_EQ(got.find("none")->items(), 0);
  EXPECT_EQ(got.find("scalar")->items(), 1);
}

TEST_F(GgufTest, RefusesWhatIsNotItsFormat) {
  EXPECT_REFUSED("", "the magic passes the end of the file");
  EXPECT_REFUSED("PK\3\4 and so on", "not a GGUF file: expected 'GGUF' at the beginning, got 'PK");
  GgufBuilder file;
  file.version = 1;
  EXPECT_REFUSED(file.bytes(), "expected 2 or 3, got 1; convert the model again");
  file.version = 4;
  EXPECT_REFUSED(file.bytes(), "GGUF version: expected 2 or 3, got 4");
  file.version = 0x03000000;
  EXPECT_REFUSED(file.bytes(), "big-endian GGUF is not supported");
}

TEST_F(GgufTest, RefusesCountsThatTheFileHasNoRoomFor) {
  GgufBuilder pairs = small_file();
  pairs.pair_count = UINT64_MAX;
  EXPECT_REFUSED(pairs.bytes(), "number of metadata keys: expected at most");
  GgufBuilder tensors = small_file();
  tensors.tensor_count = uint64_t{1} << 60;
  EXPECT_REFUSED(tensors.bytes(), "number of tensors: expected at most");
}

TEST_F(GgufTest, RefusesLengthsThatLie) {
  GgufBuilder key;
  key.pairs = raw(UINT64_MAX) + "key and more bytes";
  key.pair_count = 1;
  EXPECT_REFUSED(key.bytes(), "a metadata key passes the end of the file");
  EXPECT_REFUSED(GgufBuilder().pair("s", test::kString, raw(uint64_t{1} << 40)).bytes(),
                 "a metadata string passes the end of the file: expected 1099511627776 bytes");
  for (const uint32_t type : {test::kI32, test::kString, test::kBool, test::kF64}) {
    const std::string array = array_of(type, uint64_t{1} << 61, "");
    EXPECT_REFUSED(GgufBuilder().pair("a", test::kArray, array).bytes(), "array length: expected");
  }
}

TEST_F(GgufTest, RefusesValuesOfUnknownOrNestedType) {
  const auto array = [](uint32_t type, const std::string& items) {
    return GgufBuilder().pair("a", test::kArray, array_of(type, 1, items)).bytes();
  };
  std::string deep = array_of(test::kU8, 0, "");
  for (int depth = 0; depth < 17; ++depth) deep = array_of(test::kArray, 1, deep);
  EXPECT_REFUSED(GgufBuilder().pair("a", test::kArray, deep).bytes(), "nest deeper than 16 levels");
  std::string endless;
  for (int depth = 0; depth < 100'000; ++depth)
    endless += raw(uint32_t{test::kArray}) + raw(uint64_t{1});
  EXPECT_REFUSED(GgufBuilder().pair("a", test::kArray, endless).bytes(), "nest deeper than 16");
  EXPECT_REFUSED(array(test::kArray, array_of(test::kU8, 9, "x")),
                 "array length: expected at most");
  EXPECT_REFUSED(array(test::kArray, array_of(99, 1, "x")), "unknown array type 99");
  EXPECT_REFUSED(array(99, "x"), "unknown array type 99");
  EXPECT_REFUSED(array(test::kBool, "\2"), "a boolean: expected 0 or 1, got 2");
  EXPECT_REFUSED(GgufBuilder().pair("b", test::kBool, "\7").bytes(), "expected 0 or 1, got 7");
  EXPECT_REFUSED(GgufBuilder().pair("v", test::GgufValueType{13}, "x").bytes(),
                 "unknown metadata value type 13");
}

TEST_F(GgufTest, RefusesDuplicates) {
  EXPECT_REFUSED(GgufBuilder().u32("k", 1).u32("k", 2).bytes(), "metadata key 'k' appears twice");
  GgufBuilder file;
  file.tensor("w", {1}, kF32Type, "abcd").tensor("w", {1}, kF32Type, "abcd");
  EXPECT_REFUSED(file.bytes(), "tensor 'w' appears twice");
}

TEST_F(GgufTest, RefusesAlignmentsThatLie) {
  for (const uint32_t alignment : {0u, 3u, 48u, 1u << 21, UINT32_MAX}) {
    EXPECT_REFUSED(GgufBuilder().u32("general.alignment", alignment).bytes(),
                   cat("expected a power of two, at most 1048576, got ", alignment));
  }
  EXPECT_REFUSED(GgufBuilder().string("general.alignment", "32").bytes(),
                 "'general.alignment': expected an integer");
  GgufBuilder wide;
  wide.alignment = 64;
  wide.u32("general.alignment", 64).tensor("w", {1}, kF32Type, "abcd");
  EXPECT_EQ(open(wide.bytes()).find("w")->bytes[0], std::byte{'a'});
  wide.info("v", {1}, kF32Type, 32);
  EXPECT_REFUSED(wide.bytes(), "tensor 'v': its offset: expected a multiple of 64, got 32");
}

TEST_F(GgufTest, RefusesTensorsOutsideTheFile) {
  EXPECT_REFUSED(GgufBuilder().info("w", {1}, kF32Type, 0).bytes(),
                 "tensor 'w': its data pass the end of the file: expected 4 bytes of data, got 0");
  EXPECT_REFUSED(GgufBuilder().info("w", {8}, kF32Type, UINT64_MAX - 31).bytes(),
                 "tensor 'w': its end overflows");
  EXPECT_REFUSED(GgufBuilder().info("w", {uint64_t{1} << 50}, kF32Type, 0).bytes(),
                 "its data pass the end of the file");
}

TEST_F(GgufTest, RefusesOverlappingTensors) {
  GgufBuilder file;
  file.tensor("v", {16}, kF32Type, std::string(64, 'v')).info("w", {1}, kF32Type, 32);
  EXPECT_REFUSED(file.bytes(), "tensors 'v' and 'w' overlap");
}

TEST_F(GgufTest, RefusesDimensionsThatLie) {
  const auto with = [](const std::vector<uint64_t>& dimensions, uint32_t type) {
    return GgufBuilder().info("w", dimensions, type, 0).bytes();
  };
  EXPECT_REFUSED(with({1, 1, 1, 1, 1}, kF32Type), "expected at most 4 dimensions, got 5");
  EXPECT_REFUSED(with({UINT64_MAX}, kF32Type), "dimension 18446744073709551615 is too large");
  EXPECT_REFUSED(with({1u << 31, 1u << 31, 4}, kF32Type),
                 "the product of the dimensions overflows");
  EXPECT_REFUSED(with({0, 1u << 31, 1u << 31, 4}, kF32Type), "product of the dimensions overflows");
  EXPECT_REFUSED(with({INT64_MAX}, kF32Type), "tensor 'w': its size overflows");
  EXPECT_REFUSED(with({16, 2}, kQ4_0Type), "expected a multiple of 32 for Q4_0, got 16");
  EXPECT_REFUSED(with({}, kQ4_0Type), "expected a multiple of 32 for Q4_0, got 1");
  EXPECT_REFUSED(with({32}, kIq2XxsType), "expected a multiple of 256 for IQ2_XXS, got 32");
  for (const uint32_t type : {4u, 5u, 31u, 33u, 38u, 99u, UINT32_MAX}) {  // unused or taken back
    EXPECT_REFUSED(with({32}, type),
                   cat("tensor type ", type, " is not known; expected one of F32"));
  }
}

// Legal, if nobody reads them: sizes of GGML_QUANT_SIZES in the Python package `gguf` 0.19.0.
TEST_F(GgufTest, KnowsTheSizesOfTypesThatItCannotDequantise) {
  struct Size {
    uint32_t type;
    const char* name;
    uint64_t items, bytes;
  };
  const std::vector<Size> sizes = {
      {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74},  {18, "IQ3_XXS", 256, 98},
      {19, "IQ1_S", 256, 50},   {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},
      {22, "IQ2_S", 256, 82},   {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},
      {25, "I16", 1, 2},        {26, "I32", 1, 4},        {27, "I64", 1, 8},
      {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56},   {34, "TQ1_0", 256, 54},
      {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},    {40, "NVFP4", 64, 36},
      {41, "Q1_0", 128, 18}};
  for (const Size& size : sizes) {
    GgufBuilder file;
    file.tensor("x", {2 * size.items}, size.type, std::string(2 * size.bytes, 'x'));
    file.tensor("w", {1}, kF32Type, "abcd");
    const Gguf read = open(file.bytes());
    const GgufTensor& tensor = *read.find("x");
    EXPECT_STREQ(ggml_type_name(tensor.type), size.name);
    EXPECT_EQ(tensor.bytes.size(), 2 * size.bytes);
    EXPECT_FALSE(can_dequantize(tensor.type));
    EXPECT_EQ(read.find("w")->bytes[0], std::byte{'a'});
  }
  EXPECT_TRUE(can_dequantize(GgmlType::q6_k));
}

TEST_F(GgufTest, IntegersOf64BitsAreExact) {
  for (const uint64_t value : {uint64_t{1} << 63, (uint64_t{1} << 63) + 1, UINT64_MAX}) {
    GgufBuilder file;
    file.pair("scalar", test::kU64, raw(value));
    file.pair("list", test::kArray, array_of(test::kU64, 2, raw(uint64_t{7}) + raw(value)));
    file.pair("small", test::kArray, array_of(test::kU64, 1, raw(uint64_t{INT64_MAX})));
    const Gguf read = open(file.bytes());
    EXPECT_EQ(read.metadata().at("scalar"), GgufValue(value));
    EXPECT_EQ(read.metadata().at("list"), GgufValue(std::vector<uint64_t>{7, value}));
    EXPECT_EQ(read.integers("small"), std::vector<int64_t>{INT64_MAX});
    EXPECT_USER_ERROR(read.integers("list"),
                      "'list': expected integers below 2^63, got an array of");
    EXPECT_USER_ERROR(read.integer("scalar", 0, INT64_MAX), cat("got ", value));
  }
  GgufBuilder file;
  file.pair("lowest", test::kI64, raw(INT64_MIN));
  file.pair("list", test::kArray, array_of(test::kI64, 1, raw(INT64_MIN)));
  const Gguf read = open(file.bytes());
  EXPECT_EQ(read.integer("lowest", INT64_MIN, 0), INT64_MIN);
  EXPECT_EQ(read.integers("list"), std::vector<int64_t>{INT64_MIN});
}

TEST_F(GgufTest, ArraysOfArraysAreReadOver) {
  const std::string pair = array_of(test::kU8, 2, "ab");
  const std::string texts = array_of(test::kString, 1, test::gguf_string("text"));
  GgufBuilder file;
  file.pair("nested", test::kArray,
            array_of(test::kArray, 3, pair + texts + array_of(test::kArray, 1, pair)));
  file.pair("none", test::kArray, array_of(test::kArray, 0, ""));
  file.u32("after", 7).tensor("w", {1}, kF32Type, "abcd");
  const Gguf read = open(file.bytes());
  EXPECT_EQ(std::get<GgufNested>(read.metadata().at("nested")).length, 3u);
  EXPECT_EQ(std::get<GgufNested>(read.metadata().at("none")).length, 0u);
  EXPECT_EQ(read.integer("after", 0, 9), 7);
  EXPECT_USER_ERROR(read.integers("nested"),
                    "'nested': expected an array of integers, got an array");
}

TEST_F(GgufTest, DamageNeverDoesWorseThanAUserError) {
  const std::string whole = small_file().bytes();
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

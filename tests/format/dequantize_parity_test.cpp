// Every block type against the Python package `gguf`, bit for bit. Reference file:
// tools/golden/dequantize.py.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <cstring>

#include "matlora/format/dequantize.h"
#include "matlora/format/safetensors.h"

#ifndef MATLORA_GOLDEN_DIR
#define MATLORA_GOLDEN_DIR ""
#endif

namespace matlora::format {
namespace {

std::filesystem::path golden_directory() {
  const char* directory = std::getenv("MATLORA_GOLDEN");
  return directory ? directory : MATLORA_GOLDEN_DIR;
}

class DequantizeParity : public ::testing::TestWithParam<GgmlType> {};

TEST_P(DequantizeParity, EqualsThePythonPackageToTheBit) {
  const auto path = golden_directory() / "dequantize.safetensors";
  if (!std::filesystem::is_directory(golden_directory())) {
    GTEST_SKIP() << "no golden directory; run tools/golden/dequantize.py and set MATLORA_GOLDEN";
  }
  const Safetensors golden = Safetensors::open(path);
  const std::string name = ggml_type_name(GetParam());
  const TensorView* blocks = golden.find(name + ".blocks");
  const TensorView* values = golden.find(name + ".values");
  ASSERT_TRUE(blocks && values) << name;
  std::vector<uint32_t> expected(values->bytes.size() / sizeof(uint32_t));
  std::memcpy(expected.data(), values->bytes.data(), values->bytes.size());
  ASSERT_GE(expected.size(), 1000u);

  std::vector<float> got(expected.size());
  dequantize(GetParam(), blocks->bytes, got);
  size_t wrong = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::bit_cast<uint32_t>(got[i]) != expected[i] && ++wrong <= 5) {
      ADD_FAILURE() << name << " number " << i << ": expected " << std::bit_cast<float>(expected[i])
                    << ", got " << got[i];
    }
  }
  EXPECT_EQ(wrong, 0u) << "of " << got.size();
}

INSTANTIATE_TEST_SUITE_P(
    AllTypes, DequantizeParity,
    ::testing::Values(GgmlType::f32, GgmlType::f16, GgmlType::bf16, GgmlType::q4_0, GgmlType::q4_1,
                      GgmlType::q5_0, GgmlType::q5_1, GgmlType::q8_0, GgmlType::q2_k,
                      GgmlType::q3_k, GgmlType::q4_k, GgmlType::q5_k, GgmlType::q6_k),
    [](const auto& tested) { return std::string(ggml_type_name(tested.param)); });

}  // namespace
}  // namespace matlora::format

// The table of ggml's tensor types.
#include "matlora/format/ggml_types.h"

#include <algorithm>
#include <array>
#include <span>

#include "matlora/base/error.h"

namespace matlora::format {
namespace {

struct TypeRow {
  GgmlType type;
  const char* name;
  size_t items, bytes;  // of a block
};

/// How many rows of kTypes dequantize() knows: the first ones.
constexpr size_t kReadable = 13;

/// Block sizes: ggml-common.h (block_q4_0, ..); GGML_QUANT_SIZES of the Python package `gguf`.
constexpr std::array<TypeRow, 32> kTypes{{
    {GgmlType::f32, "F32", 1, 4},
    {GgmlType::f16, "F16", 1, 2},
    {GgmlType::bf16, "BF16", 1, 2},
    {GgmlType::q4_0, "Q4_0", 32, 2 + 16},
    {GgmlType::q4_1, "Q4_1", 32, 2 + 2 + 16},
    {GgmlType::q5_0, "Q5_0", 32, 2 + 4 + 16},
    {GgmlType::q5_1, "Q5_1", 32, 2 + 2 + 4 + 16},
    {GgmlType::q8_0, "Q8_0", 32, 2 + 32},
    {GgmlType::q2_k, "Q2_K", 256, 16 + 64 + 2 + 2},
    {GgmlType::q3_k, "Q3_K", 256, 32 + 64 + 12 + 2},
    {GgmlType::q4_k, "Q4_K", 256, 2 + 2 + 12 + 128},
    {GgmlType::q5_k, "Q5_K", 256, 2 + 2 + 12 + 32 + 128},
    {GgmlType::q6_k, "Q6_K", 256, 128 + 64 + 16 + 2},
    {GgmlType::iq2_xxs, "IQ2_XXS", 256, 66},
    {GgmlType::iq2_xs, "IQ2_XS", 256, 74},
    {GgmlType::iq3_xxs, "IQ3_XXS", 256, 98},
    {GgmlType::iq1_s, "IQ1_S", 256, 50},
    {GgmlType::iq4_nl, "IQ4_NL", 32, 18},
    {GgmlType::iq3_s, "IQ3_S", 256, 110},
    {GgmlType::iq2_s, "IQ2_S", 256, 82},
    {GgmlType::iq4_xs, "IQ4_XS", 256, 136},
    {GgmlType::i8, "I8", 1, 1},
    {GgmlType::i16, "I16", 1, 2},
    {GgmlType::i32, "I32", 1, 4},
    {GgmlType::i64, "I64", 1, 8},
    {GgmlType::f64, "F64", 1, 8},
    {GgmlType::iq1_m, "IQ1_M", 256, 56},
    {GgmlType::tq1_0, "TQ1_0", 256, 54},
    {GgmlType::tq2_0, "TQ2_0", 256, 66},
    {GgmlType::mxfp4, "MXFP4", 32, 17},
    {GgmlType::nvfp4, "NVFP4", 64, 36},
    {GgmlType::q1_0, "Q1_0", 128, 18},
}};

std::span<const TypeRow> readable() { return std::span(kTypes).first(kReadable); }

const TypeRow& row_of(GgmlType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row;
  }
  throw BugError(cat("ggml type ", static_cast<uint32_t>(type), " is missing from the table"));
}

}  // namespace

std::optional<GgmlType> ggml_type_of(uint32_t number) {
  for (const TypeRow& row : kTypes) {
    if (static_cast<uint32_t>(row.type) == number) return row.type;
  }
  return std::nullopt;
}

std::string ggml_type_names() {
  std::string names;
  for (const TypeRow& row : readable()) names += names.empty() ? row.name : cat(", ", row.name);
  return names;
}

bool can_dequantize(GgmlType type) {
  return std::any_of(readable().begin(), readable().end(),
                     [type](const TypeRow& row) { return row.type == type; });
}

const char* ggml_type_name(GgmlType type) { return row_of(type).name; }
size_t block_items(GgmlType type) { return row_of(type).items; }
size_t block_bytes(GgmlType type) { return row_of(type).bytes; }

}  // namespace matlora::format

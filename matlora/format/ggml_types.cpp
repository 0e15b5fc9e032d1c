// The table of ggml's tensor types.
#include "matlora/format/ggml_types.h"

#include <array>

#include "matlora/base/error.h"

namespace matlora::format {
namespace {

struct TypeRow {
  GgmlType type;
  const char* name;
  size_t items, bytes;  // of a block
};

/// Block sizes: ggml-common.h (block_q4_0, ..).
constexpr std::array<TypeRow, 13> kTypes{{
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
}};

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
  for (const TypeRow& row : kTypes) names += names.empty() ? row.name : cat(", ", row.name);
  return names;
}

const char* ggml_type_name(GgmlType type) { return row_of(type).name; }
size_t block_items(GgmlType type) { return row_of(type).items; }
size_t block_bytes(GgmlType type) { return row_of(type).bytes; }

}  // namespace matlora::format

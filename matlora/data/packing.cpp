#include "matlora/data/packing.h"

#include <ATen/ATen.h>

#include "matlora/base/error.h"

namespace matlora::data {
namespace {

at::Tensor to_tensor(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

}  // namespace

Pack pack(std::span<const Example> items, std::span<const int64_t> indices, at::Device device) {
  check(!indices.empty(), "pack of no examples");
  std::vector<int64_t> tokens, rows, labels;
  Pack result;
  for (const int64_t index : indices) {
    const Example& example = items[static_cast<size_t>(index)];
    const auto start = static_cast<int64_t>(tokens.size());
    const auto length = static_cast<int64_t>(example.tokens.size());
    tokens.insert(tokens.end(), example.tokens.begin(), example.tokens.end());
    for (int64_t t = example.first_label; t < length; ++t) {
      rows.push_back(start + t - 1);
      labels.push_back(example.tokens[static_cast<size_t>(t)]);
    }
    result.lengths.push_back(length);
    result.label_counts.push_back(example.label_tokens());
  }
  result.tokens = to_tensor(tokens, device);
  result.rows = to_tensor(rows, device);
  result.labels = to_tensor(labels, device);
  return result;
}

std::vector<std::vector<int64_t>> split_by_tokens(std::span<const Example> items,
                                                  std::span<const int64_t> indices,
                                                  int64_t token_budget) {
  std::vector<std::vector<int64_t>> groups;
  int64_t used = 0;
  for (const int64_t index : indices) {
    const auto length = static_cast<int64_t>(items[static_cast<size_t>(index)].tokens.size());
    if (groups.empty() || used + length > token_budget) {
      groups.emplace_back();
      used = 0;
    }
    groups.back().push_back(index);
    used += length;
  }
  return groups;
}

}  // namespace matlora::data

// How many directions each layer uses.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace matlora::adapter {

/// `rank` directions in every layer but those of `by_layer`. A layer that has fewer uses all.
struct RankPlan {
  int64_t rank = 0;
  std::map<std::string, int64_t> by_layer = {};  // by the layers' names

  int64_t of(const std::string& layer) const {
    const auto found = by_layer.find(layer);
    return found == by_layer.end() ? rank : found->second;
  }
  bool is_base() const {
    const auto none = [](const auto& layer) { return layer.second == 0; };
    return rank == 0 && std::all_of(by_layer.begin(), by_layer.end(), none);
  }
};

}  // namespace matlora::adapter

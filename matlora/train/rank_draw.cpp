#include "matlora/train/rank_draw.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <random>

#include "matlora/base/error.h"

namespace matlora::train {
namespace {

/// The text's parts between commas.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(',', begin);
    parts.push_back(text.substr(begin, end - begin));
  }
  return parts;
}

/// {place in `ranks`: weight} of what is named.
std::map<size_t, double> named_weights(const std::string& text, const std::vector<int64_t>& ranks,
                                       const std::string& where) {
  std::map<size_t, double> named;
  for (const std::string& part : split(text)) {
    const size_t colon = part.find(':');
    const std::string key = part.substr(0, colon);
    int64_t rank = key == "full" ? ranks.back() : 0;
    double weight = -1;
    if (rank == 0) std::from_chars(key.data(), key.data() + key.size(), rank);
    if (colon != std::string::npos) {
      const char* const end = part.data() + part.size();
      const auto [rest, error] = std::from_chars(part.data() + colon + 1, end, weight);
      if (error != std::errc() || rest != end) weight = -1;
    }
    const auto found = std::find(ranks.begin(), ranks.end(), rank);
    if (found == ranks.end() || !(weight >= 0 && weight <= 1)) {
      fail(where, "expected RANK:WEIGHT with a train rank or full and a weight in 0..1, got '",
           printable(part), "'");
    }
    if (!named.emplace(found - ranks.begin(), weight).second) {
      fail(where, "rank ", rank, " twice");
    }
  }
  return named;
}

std::mt19937_64 generator(uint64_t seed, int64_t step, uint32_t tag, uint32_t what) {
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                         static_cast<uint32_t>(step), tag, what};
  return std::mt19937_64(sequence);
}

}  // namespace

RankWeights parse_rank_weights(const std::string& text, const adapter::GateRule& rule,
                               const std::string& where) {
  RankWeights result;
  result.ranks = rule.train_ranks;
  if (result.ranks.empty() || result.ranks.back() != rule.rank) result.ranks.push_back(rule.rank);
  if (result.ranks.size() == 1) return {result.ranks, {1}};  // nothing to choose
  const std::map<size_t, double> named = named_weights(text, result.ranks, where);
  double rest = 1;
  for (const auto& [place, weight] : named) rest -= weight;
  const size_t others = result.ranks.size() - named.size();
  constexpr double kRounding = 1e-6;  // of decimal fractions
  if (rest < -kRounding || (others == 0 && rest > kRounding)) {
    fail(where, "the weights' sum is ", 1 - rest, "; expected 1");
  }
  for (size_t i = 0; i < result.ranks.size(); ++i) {
    const auto found = named.find(i);
    result.weights.push_back(
        found != named.end() ? found->second : std::max(0.0, rest) / static_cast<double>(others));
  }
  return result;
}

int64_t draw_rank(const adapter::GateRule& rule, uint64_t seed, int64_t step, size_t micro) {
  auto random = generator(seed, step, static_cast<uint32_t>(micro), 0x64796c6fu);
  return rule.train_ranks[random() % rule.train_ranks.size()];
}

std::vector<int64_t> draw_ranks(const RankWeights& weights, uint64_t seed, int64_t step,
                                size_t count) {
  auto random = generator(seed, step, 0, 0x6e657374u);
  const double start = static_cast<double>(random() >> 11) * 0x1p-53;  // [0, 1)
  std::vector<int64_t> ranks;
  size_t place = 0;
  double passed = 0;  // the weights before `place`
  for (size_t i = 0; i < count; ++i) {
    const double at = (static_cast<double>(i) + start) / static_cast<double>(count);
    while (place + 1 < weights.ranks.size() && at >= passed + weights.weights[place]) {
      passed += weights.weights[place++];
    }
    ranks.push_back(weights.ranks[place]);
  }
  for (size_t i = ranks.size(); i > 1; --i) std::swap(ranks[i - 1], ranks[random() % i]);
  return ranks;
}

}  // namespace matlora::train

#include "matlora/train/rank_draw.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <random>
#include <string_view>

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

/// At the begin of a run and at its end.
struct Ends {
  double first = -1, last = -1;

  bool valid() const { return first >= 0 && first <= 1 && last >= 0 && last <= 1; }
};

/// -1 for what is no number.
double parse_weight(std::string_view text) {
  double weight = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, weight);
  return error == std::errc() && rest == end ? weight : -1;
}

/// "0.5" or "0.8..0.4".
Ends parse_ends(std::string_view text) {
  const size_t dots = text.find("..");
  if (dots == std::string_view::npos) return {parse_weight(text), parse_weight(text)};
  return {parse_weight(text.substr(0, dots)), parse_weight(text.substr(dots + 2))};
}

/// {place in `ranks`: weights} of what is named.
std::map<size_t, Ends> named_weights(const std::string& text, const std::vector<int64_t>& ranks,
                                     const std::string& where) {
  std::map<size_t, Ends> named;
  for (const std::string& part : split(text)) {
    const size_t colon = part.find(':');
    const std::string key = part.substr(0, colon);
    int64_t rank = key == "full" ? ranks.back() : 0;
    if (rank == 0) std::from_chars(key.data(), key.data() + key.size(), rank);
    const Ends ends =
        colon == std::string::npos ? Ends() : parse_ends(std::string_view(part).substr(colon + 1));
    const auto found = std::find(ranks.begin(), ranks.end(), rank);
    if (found == ranks.end() || !ends.valid()) {
      fail(where,
           "expected RANK:WEIGHT or RANK:FROM..TO with a train rank or full and weights in 0..1, "
           "got '",
           printable(part), "'");
    }
    if (!named.emplace(found - ranks.begin(), ends).second) fail(where, "rank ", rank, " twice");
  }
  return named;
}

/// All weights at one end of the run.
std::vector<double> complete(const std::map<size_t, Ends>& named, size_t count, double Ends::*end,
                             const std::string& where) {
  double rest = 1;
  for (const auto& [place, ends] : named) rest -= ends.*end;
  const size_t others = count - named.size();
  constexpr double kRounding = 1e-6;  // of decimal fractions
  if (rest < -kRounding || (others == 0 && rest > kRounding)) {
    fail(where, "the weights' sum is ", 1 - rest, "; expected 1");
  }
  std::vector<double> weights;
  for (size_t i = 0; i < count; ++i) {
    const auto found = named.find(i);
    weights.push_back(found != named.end() ? found->second.*end
                                           : std::max(0.0, rest) / static_cast<double>(others));
  }
  return weights;
}

std::mt19937_64 generator(uint64_t seed, int64_t step, uint32_t tag, uint32_t what) {
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                         static_cast<uint32_t>(step), tag, what};
  return std::mt19937_64(sequence);
}

}  // namespace

std::vector<double> RankWeights::at(int64_t step, int64_t total) const {
  const double part = (static_cast<double>(step) + 0.5) / static_cast<double>(total);
  std::vector<double> weights;
  for (size_t i = 0; i < first.size(); ++i) {
    weights.push_back(first[i] + (last[i] - first[i]) * part);
  }
  return weights;
}

RankWeights parse_rank_weights(const std::string& text, const adapter::GateRule& rule,
                               const std::string& where) {
  adapter::validate(rule, where);
  std::vector<int64_t> ranks = rule.train_ranks;
  if (ranks.empty() || ranks.back() != rule.rank) ranks.push_back(rule.rank);
  if (ranks.size() == 1) return {ranks, {1}, {1}};  // nothing to choose
  const std::map<size_t, Ends> named = named_weights(text, ranks, where);
  return {ranks, complete(named, ranks.size(), &Ends::first, where),
          complete(named, ranks.size(), &Ends::last, where)};
}

int64_t draw_rank(const adapter::GateRule& rule, uint64_t seed, int64_t step, size_t micro) {
  adapter::validate(rule, "rank draw");
  if (rule.train_ranks.empty()) fail("rank draw", "train ranks: expected one or more, got none");
  auto random = generator(seed, step, static_cast<uint32_t>(micro), 0x64796c6fu);
  return rule.train_ranks[random() % rule.train_ranks.size()];
}

std::vector<int64_t> draw_ranks(std::span<const int64_t> ranks, std::span<const double> weights,
                                uint64_t seed, int64_t step, size_t count) {
  auto random = generator(seed, step, 0, 0x6e657374u);
  const double start = static_cast<double>(random() >> 11) * 0x1p-53;  // [0, 1)
  std::vector<int64_t> drawn;
  size_t place = 0;
  double passed = 0;  // the weights before `place`
  for (size_t i = 0; i < count; ++i) {
    const double at = (static_cast<double>(i) + start) / static_cast<double>(count);
    while (place + 1 < ranks.size() && at >= passed + weights[place]) passed += weights[place++];
    drawn.push_back(ranks[place]);
  }
  for (size_t i = drawn.size(); i > 1; --i) std::swap(drawn[i - 1], drawn[random() % i]);
  return drawn;
}

}  // namespace matlora::train

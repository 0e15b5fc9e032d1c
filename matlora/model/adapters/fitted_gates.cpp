#include "matlora/model/adapters/fitted_gates.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "matlora/base/error.h"

namespace matlora::model {
namespace {

int64_t read_rank(const std::string& text, int64_t highest, const std::string& where) {
  int64_t rank = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  if (error == std::errc() && rest == text.data() + text.size() && rank >= 1 && rank <= highest) {
    return rank;
  }
  fail(where, "'fitted': expected a rank in 1..", highest, ", got '", printable(text, 40), "'");
}

std::vector<double> read_numbers(const Json& array, int64_t count, const std::string& layer,
                                 const std::string& where) {
  constexpr double kMost = std::numeric_limits<float>::max();
  std::vector<double> numbers;
  for (const Json& value : array.is_array() ? array : Json::array()) {
    if (value.is_number() && std::abs(value.get<double>()) <= kMost) numbers.push_back(value);
  }
  if (static_cast<int64_t>(numbers.size()) != count || array.size() != numbers.size()) {
    fail(where, "'fitted': ", printable(layer), ": expected ", count, " finite numbers, got ",
         array.is_array() ? cat(array.size()) : "none");
  }
  return numbers;
}

}  // namespace

Json fitted_gates(const std::vector<adapter::LayerAdapter>& layers) {
  Json all = Json::object();
  for (const adapter::LayerAdapter& layer : layers) {
    for (const auto& [rank, gate] : layer.fitted) all[std::to_string(rank)][layer.layer] = gate;
  }
  return all;
}

void read_fitted_gates(const JsonObject& own, adapter::Adapter& adapter) {
  if (own.find("fitted") == nullptr) return;
  std::map<std::string, std::map<int64_t, std::vector<double>>> fitted;
  std::map<std::string, int64_t> ranks;
  for (const adapter::LayerAdapter& layer : adapter.layers) ranks[layer.layer] = layer.rank();
  for (const auto& [text, by_layer] : own.object("fitted").value().items()) {
    const int64_t rank = read_rank(text, adapter.rule.rank, own.where());
    const JsonObject gates(by_layer, own.where() + ": 'fitted'");
    for (const auto& [name, numbers] : gates.value().items()) {
      const auto layer = ranks.find(name);
      if (layer == ranks.end()) {
        fail(own.where(), "'fitted': the adapter has no layer '", printable(name), "'");
      }
      fitted[name][rank] = read_numbers(numbers, std::min(rank, layer->second), name, own.where());
    }
  }
  for (adapter::LayerAdapter& layer : adapter.layers) {
    layer.fitted = std::move(fitted[layer.layer]);
  }
}

}  // namespace matlora::model

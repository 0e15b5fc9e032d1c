#include "matlora/adapter/gate.h"

#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "matlora/base/error.h"

namespace matlora::adapter {
namespace {

constexpr char kWhere[] = "gate rule";

template <class Enum>
struct Named {
  Enum value;
  const char* name;
};

constexpr Named<Method> kMethods[] = {{Method::nested, "nested"},
                                      {Method::matryoshka, "matryoshka"},
                                      {Method::dylora, "dylora"},
                                      {Method::lora, "lora"},
                                      {Method::custom, "custom"}};
constexpr Named<Scaling> kScalings[] = {
    {Scaling::sqrt, "sqrt"}, {Scaling::rank, "rank"}, {Scaling::none, "none"}};
constexpr Named<Mask> kMasks[] = {
    {Mask::diag, "diag"}, {Mask::binary, "binary"}, {Mask::constant, "constant"}};
constexpr Named<InferenceGate> kGates[] = {{InferenceGate::paper, "paper"},
                                           {InferenceGate::trained, "trained"}};

template <class Enum, size_t N>
const char* name_in(const Named<Enum> (&table)[N], Enum value) {
  for (const auto& entry : table) {
    if (entry.value == value) return entry.name;
  }
  throw BugError("enum value without a name");
}

template <class Enum, size_t N>
Enum parse_in(const Named<Enum> (&table)[N], const std::string& text, const std::string& where) {
  std::vector<std::string> names;
  std::string list;
  for (const auto& entry : table) {
    if (text == entry.name) return entry.value;
    names.emplace_back(entry.name);
    list += (list.empty() ? "" : "|") + names.back();
  }
  fail(where, "unknown value '", printable(text), "'; expected ", list, did_you_mean(text, names));
}

bool is_finite_float(double value) {
  return std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max());
}

/// Whether the train ranks decide a gate or a draw.
bool uses_train_ranks(Method method) {
  return method == Method::nested || method == Method::matryoshka || method == Method::dylora;
}

void validate_train_ranks(const GateRule& rule, const std::string& where) {
  if (rule.train_ranks.empty() && uses_train_ranks(rule.method)) {
    fail(where, "train ranks: expected one or more in 1..", rule.rank, " for ", name(rule.method),
         ", got none");
  }
  int64_t before = 0;
  for (const int64_t r : rule.train_ranks) {
    if (r < 1 || r > rule.rank) {
      fail(where, "train ranks: expected ranks in 1..", rule.rank, ", got ", r);
    }
    if (r <= before) {
      fail(where, "train ranks: expected them in ascending order, got ", r, " behind ", before);
    }
    before = r;
  }
}

void validate_custom(const GateRule& rule, const std::string& where) {
  const auto size = static_cast<int64_t>(rule.custom.size());
  const int64_t expected = rule.method == Method::custom ? rule.rank : 0;
  if (size != expected) {
    fail(where, "gate: expected ", expected, " numbers for ", name(rule.method), ", got ", size);
  }
  for (size_t i = 0; i < rule.custom.size(); ++i) {
    if (is_finite_float(rule.custom[i])) continue;
    fail(where, "gate: expected numbers that are finite in float32, got ", rule.custom[i], " at ",
         i);
  }
}

}  // namespace

void validate(const GateRule& rule, const std::string& where) {
  if (rule.rank < 1 || rule.rank > kMaxRank) {
    fail(where, "rank: expected 1..", kMaxRank, ", got ", rule.rank);
  }
  if (!is_finite_float(rule.alpha)) {
    fail(where, "alpha: expected a number that is finite in float32, got ", rule.alpha);
  }
  validate_train_ranks(rule, where);
  validate_custom(rule, where);
}

GateRule checked(GateRule rule, const std::string& where) {
  validate(rule, where);
  return rule;
}

double scale(const GateRule& rule, int64_t r) {
  check(r >= 1, "scale of rank ", r);
  const auto width = static_cast<double>(r);
  switch (rule.scaling) {
    case Scaling::none:
      return rule.alpha;
    case Scaling::rank:
      return rule.alpha / width;
    case Scaling::sqrt:
      return rule.alpha / std::sqrt(width);
  }
  throw BugError("unknown scaling");
}

namespace {

/// P_i = Σ_{r in S, r > i} s(r), for `binary` over n; s(R) for `constant`.
std::vector<double> fixed_gate(const GateRule& rule) {
  const auto size = static_cast<size_t>(rule.rank);
  if (rule.mask == Mask::constant) return std::vector<double>(size, scale(rule, rule.rank));
  const double share =
      rule.mask == Mask::binary ? 1.0 / static_cast<double>(rule.train_ranks.size()) : 1.0;
  std::vector<double> gate(size, 0.0);
  for (const int64_t r : rule.train_ranks) {
    for (size_t i = 0; i < static_cast<size_t>(r); ++i) gate[i] += share * scale(rule, r);
  }
  return gate;
}

/// DyLoRA's scale of rank r.
double dylora_scale(const GateRule& rule, int64_t r) {
  return scale(rule, rule.mask == Mask::constant ? rule.rank : r);
}

}  // namespace

std::vector<double> training_gate(const GateRule& rule, int64_t sampled_rank) {
  validate(rule, kWhere);
  const auto size = static_cast<size_t>(rule.rank);
  std::vector<double> gate(size, 0.0);
  switch (rule.method) {
    case Method::lora:
      gate.assign(size, scale(rule, rule.rank));
      break;
    case Method::custom:
      gate = rule.custom;
      break;
    case Method::dylora:
      check(sampled_rank >= 1 && sampled_rank <= rule.rank, "dylora: rank ", sampled_rank);
      for (size_t i = 0; i < static_cast<size_t>(sampled_rank); ++i) {
        gate[i] = dylora_scale(rule, sampled_rank);
      }
      break;
    case Method::nested:
    case Method::matryoshka:
      gate = fixed_gate(rule);
      break;
  }
  check(gate.size() == size, "gate of ", gate.size(), " numbers for rank ", size);
  return gate;
}

std::vector<double> inference_gate(const GateRule& rule, int64_t k, InferenceGate gate) {
  validate(rule, kWhere);
  check(k >= 1 && k <= rule.rank, "gate of rank ", k, " of ", rule.rank);
  const auto size = static_cast<size_t>(k);
  if (rule.method == Method::dylora) return std::vector<double>(size, dylora_scale(rule, k));
  if (rule.method != Method::nested && gate == InferenceGate::paper) {
    return std::vector<double>(size, scale(rule, k));
  }
  std::vector<double> trained = training_gate(rule);
  trained.resize(size);
  return trained;
}

std::vector<int64_t> powers_of_two(int64_t rank) {
  std::vector<int64_t> ranks;
  for (int64_t r = 1; r <= rank; r *= 2) ranks.push_back(r);
  return ranks;
}

const char* name(Method value) { return name_in(kMethods, value); }
const char* name(Scaling value) { return name_in(kScalings, value); }
const char* name(Mask value) { return name_in(kMasks, value); }
const char* name(InferenceGate value) { return name_in(kGates, value); }

Method parse_method(const std::string& text, const std::string& where) {
  return parse_in(kMethods, text, where);
}
Scaling parse_scaling(const std::string& text, const std::string& where) {
  return parse_in(kScalings, text, where);
}
Mask parse_mask(const std::string& text, const std::string& where) {
  return parse_in(kMasks, text, where);
}
InferenceGate parse_inference_gate(const std::string& text, const std::string& where) {
  return parse_in(kGates, text, where);
}

}  // namespace matlora::adapter

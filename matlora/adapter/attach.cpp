#include "matlora/adapter/attach.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "matlora/base/error.h"

namespace matlora::adapter {
namespace {

void check_targets(std::span<const std::string> targets, std::span<const std::string> known) {
  if (targets.empty()) fail("--target-modules", "no module is named");
  for (const std::string& target : targets) {
    if (target != "all-linear" && std::find(known.begin(), known.end(), target) == known.end()) {
      fail("--target-modules", "unknown module '", printable(target), "'",
           did_you_mean(target, known));
    }
  }
}

/// [rank, in] uniform in ±bound. mt19937_64 and this mapping are the same everywhere, which
/// std::uniform_real_distribution is not.
at::Tensor uniform(int64_t rank, int64_t in, double bound, std::mt19937_64& random) {
  at::Tensor result = at::empty({rank, in}, at::kFloat);
  float* out = result.mutable_data_ptr<float>();
  for (int64_t i = 0; i < result.numel(); ++i) {
    const double unit = static_cast<double>(random() >> 11) * 0x1p-53;  // [0, 1)
    out[i] = static_cast<float>((2 * unit - 1) * bound);
  }
  return result;
}

}  // namespace

std::string module_name(const std::string& layer) { return layer.substr(layer.rfind('.') + 1); }

std::vector<double> layer_gate(const LayerAdapter& layer, const GateRule& rule, int64_t k,
                               InferenceGate how) {
  const auto own = layer.fitted.find(k);
  std::vector<double> values =
      own != layer.fitted.end() ? own->second : inference_gate(rule, k, how);
  values.resize(static_cast<size_t>(std::min(k, layer.rank())));
  return values;
}

int64_t Adapter::parameters(const RankPlan& plan) const {
  int64_t count = 0;
  for (const LayerAdapter& layer : layers) {
    count += std::min(plan.of(layer.layer), layer.rank()) * (layer.a.size(1) + layer.b.size(0));
  }
  return count;
}

Init parse_init(const std::string& text, const std::string& where) {
  if (text == "paper") return Init::paper;
  if (text == "kaiming") return Init::kaiming;
  fail(where, "unknown value '", printable(text), "'; expected paper|kaiming");
}

std::vector<std::string> target_names(nn::Decoder& model) {
  std::vector<std::string> names;
  nn::for_each_linear(model, [&](const std::string& layer, nn::Linear&) {
    const std::string name = module_name(layer);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  });
  return names;
}

std::vector<LayerAdapter> new_layers(nn::Decoder& model, std::span<const std::string> targets,
                                     int64_t rank, Init init, uint64_t seed) {
  check_targets(targets, target_names(model));
  const auto wanted = [&](const std::string& layer) {
    return std::any_of(targets.begin(), targets.end(), [&](const std::string& target) {
      return target == "all-linear" || target == module_name(layer);
    });
  };
  std::mt19937_64 random(seed);
  std::vector<LayerAdapter> layers;
  nn::for_each_linear(model, [&](const std::string& name, nn::Linear& layer) {
    if (!wanted(name)) return;
    const int64_t limit = std::min(layer.in(), layer.out());
    if (rank < 1 || rank > limit) {
      fail("--rank", name, ": expected a rank in 1..", limit, ", got ", rank);
    }
    const auto fan_in = static_cast<double>(init == Init::paper ? rank : layer.in());
    const at::Tensor a = uniform(rank, layer.in(), 1 / std::sqrt(fan_in), random);
    layers.push_back({name, a.to(model.device()),
                      at::zeros({layer.out(), rank}, a.options()).to(model.device())});
  });
  return layers;
}

std::vector<LayerShape> layer_shapes(nn::Decoder& model) {
  std::vector<LayerShape> shapes;
  nn::for_each_linear(model, [&](const std::string& name, nn::Linear& layer) {
    shapes.push_back({name, layer.in(), layer.out()});
  });
  return shapes;
}

void check_fits(std::span<const LayerShape> layers, const Adapter& adapter,
                const std::string& where) {
  std::map<std::string, const LayerShape*> targets;
  for (const LayerShape& layer : layers) targets[layer.name] = &layer;
  for (const LayerAdapter& layer : adapter.layers) {
    const auto found = targets.find(layer.layer);
    if (found == targets.end()) {
      const std::string module = module_name(layer.layer);
      if (module == "lm_head" || module == "embed_tokens") {
        fail(where, "the adapter has LoRA on '", printable(layer.layer),
             "', which is not supported: matlora adapts the linear layers of the blocks; train ",
             "without ", module, " in target_modules");
      }
      fail(where, "the model has no layer '", printable(layer.layer),
           "'; was the adapter trained on another base model?");
    }
    const LayerShape& target = *found->second;
    if (layer.a.size(1) != target.in || layer.b.size(0) != target.out) {
      fail(where, layer.layer, ": the adapter is for a layer of ", layer.a.size(1), " -> ",
           layer.b.size(0), ", the model's is ", target.in, " -> ", target.out,
           "; was it trained on another base model?");
    }
  }
}

void check_fits(nn::Decoder& model, const Adapter& adapter, const std::string& where) {
  check_fits(layer_shapes(model), adapter, where);
}

void check_plan(const RankPlan& plan, const Adapter& adapter, const std::string& where) {
  const auto check_rank = [&](int64_t rank) {
    if (rank >= 0 && rank <= adapter.rule.rank) return;
    fail(where, "rank ", rank, " is outside 0..", adapter.rule.rank);
  };
  check_rank(plan.rank);
  for (const auto& [name, rank] : plan.by_layer) {
    check_rank(rank);
    const auto is_it = [&](const LayerAdapter& layer) { return layer.layer == name; };
    if (std::none_of(adapter.layers.begin(), adapter.layers.end(), is_it)) {
      fail(where, "the adapter has no layer '", printable(name), "'");
    }
  }
}

}  // namespace matlora::adapter

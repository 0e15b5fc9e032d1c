// r directions of a layer before, p = min(r, out), s = min(r, in), m = min(p, s).
#include "matlora/adapter/compress.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "matlora/base/error.h"
#include "matlora/nn/not_finite.h"

namespace matlora::adapter {
namespace {

/// A singular value below this share of the largest one is rounding: its direction is none.
constexpr double kNothing = 1e-12;

/// The norm that a layer's errors are measured in.
struct Norm {
  at::Tensor root;    // L [in, in], lower triangle; undefined: the identity
  double factor = 1;  // 0: the inputs are all zero, so no error counts
};

/// dtype: what the layer read was of.
Norm norm_of(const at::Tensor& moment, at::ScalarType dtype, const std::string& layer,
             const std::string& where) {
  const int64_t in = moment.size(0);
  const double mean = moment.trace().item<double>() / static_cast<double>(in);
  if (!std::isfinite(mean) || !at::isfinite(moment).all().item<bool>()) {
    fail(where, printable(layer), ": its inputs are not finite", nn::not_finite_hint(dtype));
  }
  if (mean <= 0) return {{}, 0};
  // The rounding of float32 inputs can leave C a little below zero in a direction.
  for (double share = kMomentRegularisation; share < 2; share *= 10) {
    at::Tensor regular = moment.clone();
    regular.diagonal().add_(share * mean);
    const auto [root, info] = at::linalg_cholesky_ex(regular);
    if (info.item<int64_t>() == 0) return {root, 1};
  }
  check(false, "compress: ", layer, ": no Cholesky factor");
  return {};
}

/// An update as two float64 factors.
struct Factors {
  at::Tensor up, down;  // B diag(g) [out, r], A [r, in]
};

Factors factors_of(const LayerAdapter& layer, const std::vector<double>& gate) {
  return {layer.b.detach().to(at::kCPU, at::kDouble) * at::tensor(gate, at::kDouble),
          layer.a.detach().to(at::kCPU, at::kDouble)};
}

/// [k]: 1 or -1, so that the largest entry of each column of b [out, k] becomes positive.
at::Tensor signs_of(const at::Tensor& b) {
  const at::Tensor largest = b.gather(0, b.abs().argmax(0, /*keepdim=*/true)).squeeze(0);
  return at::where(largest < 0, -1.0, 1.0).to(at::kDouble);
}

/// matrix, made `size` long in dimension `axis` with zeros, in float32.
at::Tensor padded(const at::Tensor& matrix, int64_t axis, int64_t size) {
  std::vector<int64_t> shape = matrix.sizes().vec();
  shape[static_cast<size_t>(axis)] = size;
  at::Tensor result = at::zeros(shape, at::kFloat);
  result.narrow(axis, 0, matrix.size(axis)).copy_(matrix);
  return result;
}

/// Sets `layer`'s matrices to `rank` ordered directions; returns all singular values [m].
at::Tensor decompose(const Factors& factors, const at::Tensor& root, int64_t rank,
                     LayerAdapter& layer) {
  const bool weighted = root.defined();
  const auto [q_up, r_up] = at::linalg_qr(factors.up);  // [out, p], [p, r]
  const auto [q_down, r_down] =
      at::linalg_qr((weighted ? factors.down.matmul(root) : factors.down).t());  // [in, s], [s, r]
  auto [u, values, v] =
      at::linalg_svd(r_up.matmul(r_down.t()), /*full_matrices=*/false);  // [p, m], [m], [m, s]
  values = at::where(values > kNothing * values[0], values, 0.0);
  const int64_t kept = std::min(rank, (values > 0).sum().item<int64_t>());
  const at::Tensor split = values.narrow(0, 0, kept).sqrt();
  at::Tensor b = q_up.matmul(u.narrow(1, 0, kept)) * split;                     // [out, k]
  at::Tensor a = split.unsqueeze(1) * v.narrow(0, 0, kept).matmul(q_down.t());  // [k, in]
  if (weighted) a = at::linalg_solve_triangular(root, a, /*upper=*/false, /*left=*/false);
  if (kept > 0) {
    const at::Tensor signs = signs_of(b);
    b = b * signs;
    a = a * signs.unsqueeze(1);
  }
  layer.a = padded(a, 0, rank);
  layer.b = padded(b, 1, rank);
  return values;
}

std::vector<double> to_vector(const at::Tensor& values) {
  const at::Tensor flat = values.contiguous();
  const double* first = flat.const_data_ptr<double>();
  return {first, first + flat.numel()};
}

/// The moment of a layer; undefined without moments.
at::Tensor moment_of(const LayerAdapter& layer, const Moments* moments) {
  if (moments == nullptr) return {};
  const auto found = moments->of.find(layer.layer);
  check(found != moments->of.end(), "compress: no moments of ", layer.layer);
  check(found->second.dim() == 2 && found->second.size(0) == layer.a.size(1),
        "compress: the moments of ", layer.layer, " have another size");
  return found->second;
}

/// Layers of one moment together, so that its factor is made once and is not kept.
std::vector<std::vector<size_t>> groups_by_moment(const Adapter& adapter, const Moments* moments) {
  std::vector<std::vector<size_t>> groups;
  std::map<const void*, size_t> known;
  for (size_t i = 0; i < adapter.layers.size(); ++i) {
    const at::Tensor moment = moment_of(adapter.layers[i], moments);
    const void* data = moment.defined() ? moment.const_data_ptr() : nullptr;
    const size_t group =
        data == nullptr ? groups.size() : known.emplace(data, groups.size()).first->second;
    if (group == groups.size()) groups.emplace_back();
    groups[group].push_back(i);
  }
  return groups;
}

void check_finite(const LayerAdapter& layer, const std::string& where) {
  for (const auto& [part, matrix] : {std::pair("A", layer.a), std::pair("B", layer.b)}) {
    if (at::isfinite(matrix.detach()).all().item<bool>()) continue;
    fail(where, printable(layer.layer), ": lora_", part, " holds numbers that are not finite");
  }
}

double sum_of_squares(const std::vector<double>& values, int64_t count) {
  const auto end = values.begin() + std::min(count, static_cast<int64_t>(values.size()));
  return std::accumulate(values.begin(), end, 0.0,
                         [](double sum, double x) { return sum + x * x; });
}

const std::vector<double>& values_of(const Renested& nested, size_t layer) {
  return nested.singular_values.at(nested.layers[layer].layer);
}

int64_t cost_of(const LayerAdapter& layer) { return layer.a.size(1) + layer.b.size(0); }

}  // namespace

Renested renest(const Adapter& adapter, InferenceGate gate, int64_t rank, const Moments* moments,
                const std::string& where, const std::function<void(int64_t)>& layers_done) {
  const int64_t full = adapter.rule.rank;
  check(rank >= 1 && rank <= full, "renest: rank ", rank, " of ", full);
  for (const LayerAdapter& layer : adapter.layers) check_finite(layer, where);
  Renested result;
  result.layers = adapter.layers;
  std::vector<at::Tensor> values(result.layers.size());  // weighted, [m] each
  bool changes = false;
  int64_t done = 0;
  std::mutex counting;
  const auto groups = groups_by_moment(adapter, moments);
  const auto nest = [&](const std::vector<size_t>& group) {
    const at::Tensor moment = moment_of(adapter.layers[group[0]], moments);
    const Norm norm = moment.defined()
                          ? norm_of(moment, moments->dtype, adapter.layers[group[0]].layer, where)
                          : Norm();
    for (const size_t i : group) {
      LayerAdapter& layer = result.layers[i];
      const Factors factors = factors_of(layer, layer_gate(layer, adapter.rule, full, gate));
      layer.fitted.clear();
      const at::Tensor own = decompose(factors, norm.root, rank, layer);
      values[i] = own * norm.factor;
      const std::lock_guard lock(counting);
      if (own[0].item<double>() > 0) changes = true;
      if (layers_done) layers_done(++done);
    }
  };
  // Layers at once: QR and SVD of one on all threads take longer than on a single one.
  at::parallel_for(0, std::ssize(groups), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) nest(groups[static_cast<size_t>(i)]);
  });
  for (size_t i = 0; i < values.size(); ++i) {
    result.singular_values[result.layers[i].layer] = to_vector(values[i]);
  }
  if (!changes) fail(where, "the adapter changes nothing: all its updates are zero");
  return result;
}

Renested renest_first(const Adapter& adapter, InferenceGate gate, int64_t first,
                      const Moments* moments, const std::string& where,
                      const std::function<void(int64_t)>& layers_done) {
  const int64_t full = adapter.rule.rank;
  check(first >= 1 && first <= full, "renest_first: rank ", first, " of ", full);
  std::vector<LayerAdapter> heads, tails;  // gate 1
  for (const LayerAdapter& layer : adapter.layers) {
    const std::vector<double> whole = layer_gate(layer, adapter.rule, full, gate);
    const std::vector<double> begin = layer_gate(layer, adapter.rule, first, gate);
    if (!std::equal(begin.begin(), begin.end(), whole.begin())) {
      fail(where, printable(layer.layer), ": its gate depends on the rank, so rank ", first,
           " is no part of rank ", full);
    }
    const auto head = static_cast<int64_t>(begin.size());
    const at::Tensor b = layer.b.detach() * at::tensor(whole, layer.b.options());
    const at::Tensor a = layer.a.detach();
    heads.push_back({layer.layer, a.narrow(0, 0, head), b.narrow(1, 0, head)});
    tails.push_back({layer.layer, a.narrow(0, head, layer.rank() - head),
                     b.narrow(1, head, layer.rank() - head)});
  }
  Adapter prefix = ordered_adapter(std::move(heads));
  Renested result =
      renest(prefix, InferenceGate::trained, prefix.rule.rank, moments, where, layers_done);
  for (size_t i = 0; i < tails.size(); ++i) {
    LayerAdapter& layer = result.layers[i];
    layer.a = padded(at::cat({layer.a, tails[i].a.to(at::kCPU)}, 0), 0, full);
    layer.b = padded(at::cat({layer.b, tails[i].b.to(at::kCPU)}, 1), 1, full);
  }
  return result;
}

Renested cut(const Renested& whole, std::span<const int64_t> ranks) {
  Renested result;
  result.singular_values = whole.singular_values;
  for (size_t i = 0; i < whole.layers.size(); ++i) {
    const LayerAdapter& layer = whole.layers[i];
    if (ranks[i] == 0) continue;
    result.layers.push_back(
        {layer.layer, layer.a.narrow(0, 0, ranks[i]), layer.b.narrow(1, 0, ranks[i])});
  }
  return result;
}

Adapter ordered_adapter(std::vector<LayerAdapter> layers) {
  Adapter adapter;
  adapter.rule.method = Method::lora;
  adapter.rule.scaling = Scaling::none;
  for (const LayerAdapter& layer : layers) {
    adapter.rule.rank = std::max(adapter.rule.rank, layer.rank());
  }
  adapter.rule.train_ranks = powers_of_two(adapter.rule.rank);
  if (adapter.rule.train_ranks.back() != adapter.rule.rank) {
    adapter.rule.train_ranks.push_back(adapter.rule.rank);
  }
  adapter.layers = std::move(layers);
  return adapter;
}

double kept_energy(const Renested& nested, std::span<const int64_t> ranks) {
  double kept = 0, all = 0;
  for (size_t i = 0; i < nested.layers.size(); ++i) {
    const std::vector<double>& values = values_of(nested, i);
    kept += sum_of_squares(values, ranks[i]);
    all += sum_of_squares(values, static_cast<int64_t>(values.size()));
  }
  return all > 0 ? kept / all : 1;
}

double kept_energy(const Renested& nested, int64_t rank) {
  return kept_energy(nested, std::vector<int64_t>(nested.layers.size(), rank));
}

int64_t rank_for_energy(const Renested& nested, double energy) {
  constexpr double kRounding = 1e-12;
  const int64_t last = nested.layers.front().rank();
  for (int64_t rank = 1; rank < last; ++rank) {
    if (kept_energy(nested, rank) >= energy - kRounding) return rank;
  }
  return last;
}

std::vector<LayerWorth> squared_values(const Renested& nested) {
  std::vector<LayerWorth> result;
  for (size_t i = 0; i < nested.layers.size(); ++i) {
    LayerWorth layer{values_of(nested, i), cost_of(nested.layers[i])};
    layer.worth.resize(std::min(layer.worth.size(), static_cast<size_t>(nested.layers[i].rank())));
    for (double& value : layer.worth) value *= value;
    result.push_back(std::move(layer));
  }
  return result;
}

}  // namespace matlora::adapter

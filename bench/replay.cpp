// The matrix products of training steps and of a sweep's forward passes, with the same shapes,
// weights and kernels, and nothing else: no norms, no softmax, no optimizer. What `matlora train`
// reaches of this speed is what its own overhead leaves.
//   matlora_replay MODEL DATA.jsonl RANK STEPS BATCH_X_ACCUM THREADS train|forward
// prints {"seconds", "tokens", "tokens_per_s", "flop_per_s"}.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "matlora/data/examples.h"
#include "matlora/data/packing.h"
#include "matlora/model/load.h"
#include "matlora/nn/gemm.h"
#include "matlora/nn/product.h"
#include "matlora/nn/tasks.h"

namespace matlora {
namespace {

double operations = 0;  // of all products so far

/// Matrices of numbers that do not matter, by shape and use; kept, as a training step's are reused.
at::Tensor matrix(int64_t rows, int64_t columns, int use) {
  static std::map<std::tuple<int64_t, int64_t, int>, at::Tensor> all;
  at::Tensor& own = all[{rows, columns, use}];
  if (!own.defined()) own = at::full({rows, columns}, 0.01f);
  return own;
}

void product(const at::Tensor& a, const at::Tensor& b, int use, bool accumulate = false) {
  at::Tensor c = matrix(a.size(0), b.size(1), use);
  operations += 2.0 * static_cast<double>(a.size(0) * a.size(1) * b.size(1));
  nn::multiply(a, b, c, accumulate);
}

struct Step {
  const nn::Decoder& model;
  int64_t rank;
  bool backward;

  /// Layers that read one input, on n rows (nn/linear.cpp).
  void linear(const std::vector<const nn::Linear*>& layers, int64_t n, bool wants_dx) const {
    const int64_t in = layers[0]->in(), width = rank * static_cast<int64_t>(layers.size());
    const at::Tensor x = matrix(n, in, 0), down = matrix(width, in, 1);
    if (rank > 0) product(x, down.t(), 2);
    for (const nn::Linear* layer : layers) {
      product(x, layer->weight.t(), 3);
      if (rank > 0) product(matrix(n, rank, 4), matrix(layer->out(), rank, 5).t(), 3, true);
    }
    if (!backward) return;
    for (const nn::Linear* layer : layers) {
      const at::Tensor dy = matrix(n, layer->out(), 6);
      product(dy, matrix(layer->out(), rank, 5), 7);
      product(dy.t(), matrix(n, rank, 4), 8);
      if (wants_dx) product(dy, layer->weight, 9, layer != layers[0]);
    }
    const at::Tensor dh = matrix(n, width, 10);
    if (wants_dx) product(dh, down, 9, true);
    product(dh.t(), x, 11);
  }

  /// The products of packed attention, in its blocks (nn/packed_attention.cpp).
  void attention(std::span<const int64_t> lengths) const {
    const int64_t heads = model.num_heads, dim = model.head_dim;
    nn::for_tasks(static_cast<int64_t>(lengths.size()) * heads, [&](int64_t task) {
      const int64_t n = lengths[static_cast<size_t>(task / heads)];
      static thread_local std::vector<float> memory;
      memory.resize(static_cast<size_t>(2 * nn::whole_panels(n) * (64 + dim) + n * dim));
      float* const p = memory.data();                        // [64, width]
      float* const wide = p + 64 * nn::whole_panels(n);      // [dim, whole_panels(n)]
      float* const tall = wide + dim * nn::whole_panels(n);  // [n, dim]
      for (int64_t first = 0; first < n; first += 64) {
        const int64_t rows = std::min<int64_t>(64, n - first), end = first + rows;
        const int64_t width = nn::whole_panels(end);
        const nn::MatrixView queries{tall, rows, dim, dim, 1}, keys{wide, dim, width, width, 1};
        const nn::MatrixView over{p, rows, end, width, 1}, values{tall, end, dim, dim, 1};
        nn::small_gemm(queries, keys, p, width, false);
        nn::small_gemm(over, values, tall, dim, false);
        if (!backward) continue;
        nn::small_gemm(queries, keys, p, width, false);
        nn::small_gemm(queries, keys, p, width, false);
        nn::small_gemm(over, values, tall, dim, false);
        nn::small_gemm(over.transposed(), queries, tall, dim, true);
        nn::small_gemm(over.transposed(), queries, tall, dim, true);
      }
    });
    for (const int64_t n : lengths) {
      const auto pairs = static_cast<double>(n) * static_cast<double>(n + 64) / 2;
      operations += (backward ? 7 : 2) * 2.0 * static_cast<double>(heads * dim) * pairs;
    }
  }

  /// One pack of tokens, m of whose rows have labels.
  void run(std::span<const int64_t> lengths, int64_t n, int64_t m) const {
    for (size_t i = 0; i < model.layers.size(); ++i) {
      const nn::DecoderLayer& layer = model.layers[i];
      const int64_t rows = i + 1 == model.layers.size() ? m : n;
      linear({&layer.qkv[0].linear, &layer.qkv[1].linear, &layer.qkv[2].linear}, n, i > 0);
      attention(lengths);
      linear({&layer.o.linear}, rows, true);
      linear({&layer.gate_up[0].linear, &layer.gate_up[1].linear}, rows, true);
      linear({&layer.down.linear}, rows, true);
    }
    const at::Tensor& vocabulary = model.lm_head.weight;
    const int64_t chunk = (1 << 23) / vocabulary.size(0);
    for (int64_t first = 0; first < m; first += chunk) {
      const int64_t some = std::min(chunk, m - first);
      product(matrix(some, vocabulary.size(1), 0), vocabulary.t(), 12);
      if (backward) product(matrix(some, vocabulary.size(0), 12), vocabulary, 13);
    }
  }
};

int replay(char** arguments) {
  const std::string what = arguments[7];
  const int64_t rank = std::atoll(arguments[3]), steps = std::atoll(arguments[4]);
  const int64_t batch = std::atoll(arguments[5]);
  at::set_num_threads(std::atoi(arguments[6]));
  const model::Model base = model::load(arguments[1], at::kFloat, at::kCPU);
  const auto examples =
      data::read_examples(arguments[2], base.tokenizer, {512, steps * batch, base.stop_ids[0]})
          .items;
  const Step step{base.decoder, rank, what == "train"};
  std::vector<data::Pack> packs;
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < static_cast<int64_t>(examples.size()); ++i) indices.push_back(i);
  for (const auto& group : data::split_by_tokens(examples, indices, what == "train" ? 512 : 4096)) {
    packs.push_back(data::pack(examples, group, at::kCPU));
  }
  step.run(packs[0].lengths, packs[0].token_count(), packs[0].label_count());  // first touches
  operations = 0;
  int64_t tokens = 0;
  const auto start = std::chrono::steady_clock::now();
  for (const data::Pack& pack : packs) {
    step.run(pack.lengths, pack.token_count(), pack.label_count());
    tokens += pack.token_count();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("{\"seconds\": %g, \"tokens\": %lld, \"tokens_per_s\": %g, \"flop_per_s\": %g}\n",
              seconds, static_cast<long long>(tokens), static_cast<double>(tokens) / seconds,
              operations / seconds);
  return 0;
}

}  // namespace
}  // namespace matlora

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(stderr, "usage: %s MODEL DATA RANK STEPS BATCH_X_ACCUM THREADS train|forward\n",
                 argv[0]);
    return 2;
  }
  return matlora::replay(argv);
}

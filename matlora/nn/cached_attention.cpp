// H query heads, H_kv key heads, D head_dim, N new tokens, n of them and M tokens in all of one
// sequence.
#include "matlora/nn/cached_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "matlora/nn/rows.h"

namespace matlora::nn {
namespace {

constexpr int64_t kBlock = 32;   // keys at a time: with their values half of the first cache
constexpr int64_t kTokens = 16;  // new tokens of a task

/// Some new tokens of one sequence, and one of its key heads.
template <class T>
struct Task {
  const T *keys, *values;         // [position + count, D]
  int64_t row;                    // of the task's first token in q
  int64_t position;               // of it in the sequence
  int64_t count, kv_head, group;  // tokens, the key head and its query heads
};

template <class T>
std::vector<Task<T>> tasks_of(std::span<const CachedSequence> sequences, int64_t heads) {
  std::vector<Task<T>> tasks;
  int64_t row = 0;
  for (const CachedSequence& sequence : sequences) {
    const int64_t kv_heads = sequence.keys.size(0), head_size = sequence.keys.stride(0);
    const T* const keys = sequence.keys.const_data_ptr<T>();
    const T* const values = sequence.values.const_data_ptr<T>();
    for (int64_t i = 0; i < sequence.count; i += kTokens) {
      for (int64_t head = 0; head < kv_heads; ++head) {
        tasks.push_back({keys + head * head_size, values + head * head_size, row + i,
                         sequence.length - sequence.count + i,
                         std::min(kTokens, sequence.count - i), head, heads / kv_heads});
      }
    }
    row += sequence.count;
  }
  return tasks;
}

/// How many of the tasks, at their mean size, are worth a thread.
template <class T>
int64_t tasks_per_thread(std::span<const Task<T>> tasks, int64_t dim) {
  constexpr int64_t kProducts = 1 << 16;
  int64_t pairs = 0;  // of a query and a key that it sees, at most
  for (const Task<T>& task : tasks) pairs += task.count * task.group * (task.position + task.count);
  const int64_t products = 2 * pairs * dim / static_cast<int64_t>(tasks.size());
  return std::max<int64_t>(1, kProducts / std::max<int64_t>(1, products));
}

/// Softmax over keys that come block by block (Milakov and Gimelshein 2018, arXiv 1805.02867):
/// `sum` and `out` are those of exp(score - largest) so far.
struct Query {
  float* q;    // [D], divided by √D
  float* out;  // [D]
  float largest = -std::numeric_limits<float>::infinity(), sum = 0;

  /// keys, values: [count, D], 0 < count <= kBlock
  void add(const float* keys, const float* values, int64_t count, int64_t dim) {
    constexpr int64_t kVector = 16;
    float scores[kBlock];
    dot_rows(q, keys, count, dim, scores);
    const int64_t padded = (count + kVector - 1) / kVector * kVector;  // no slow rest
    std::fill(scores + count, scores + padded, -std::numeric_limits<float>::infinity());
    const float before = largest;
    const float part = exponentials(scores, padded, /*factor=*/1, largest);
    if (largest != before) {
      const float factor = std::exp(before - largest);
      sum *= factor;
      scale(out, factor, dim);
    }
    sum += part;
    add_rows(scores, values, count, dim, out);
  }
};

/// What one thread runs of its tasks.
template <class T>
class Worker {
 public:
  /// q: [N, H, D], out: [N, H·D]
  Worker(const at::Tensor& q, const at::Tensor& out)
      : q_(q.const_data_ptr<T>()),
        out_(out.mutable_data_ptr<T>()),
        heads_(q.size(1)),
        dim_(q.size(2)),
        scratch_(2, kBlock * dim_) {}

  /// next: the task that this thread runs after it, or null.
  void run(const Task<T>& task, const Task<T>* next) {
    open_queries(task);
    const auto count = static_cast<int64_t>(queries_.size());
    const int64_t end = task.position + task.count;  // what the last of the tokens sees
    for (int64_t begin = 0; begin < end; begin += kBlock) {
      const Block ahead = begin + kBlock < end ? block(task, begin + kBlock)
                          : next != nullptr    ? block(*next, 0)
                                               : Block();
      const int64_t numbers = std::min(kBlock, end - begin) * dim_;
      const float* k = read_row(task.keys + begin * dim_, scratch_.row(0), numbers);
      const float* v = read_row(task.values + begin * dim_, scratch_.row(1), numbers);
      for (int64_t i = 0; i < count; ++i) {
        fetch(ahead, i, count);
        const int64_t seen = std::min(kBlock, task.position + i / task.group + 1 - begin);
        if (seen > 0) queries_[static_cast<size_t>(i)].add(k, v, seen, dim_);
      }
    }
    for (int64_t i = 0; i < count; ++i) write(task, i);
  }

 private:
  /// Keys and values of a task: [numbers / D, D] of each.
  struct Block {
    const T *keys = nullptr, *values = nullptr;
    int64_t numbers = 0;
  };

  Block block(const Task<T>& task, int64_t begin) const {
    const int64_t rows = std::min(kBlock, task.position + task.count - begin);
    return {task.keys + begin * dim_, task.values + begin * dim_, rows * dim_};
  }

  /// Asks for the i-th of `count` parts of a block, which will be read next: a few lines at a time,
  /// or the processor waits for them.
  static void fetch(const Block& block, int64_t i, int64_t count) {
    constexpr int64_t kLine = 64 / sizeof(T);
    const int64_t lines = (block.numbers + kLine - 1) / kLine;
    for (int64_t line = lines * i / count; line < lines * (i + 1) / count; ++line) {
      __builtin_prefetch(block.keys + line * kLine, 0, 2);
      __builtin_prefetch(block.values + line * kLine, 0, 2);
    }
  }

  /// Where a task's query i stands in q and out.
  int64_t place(const Task<T>& task, int64_t i) const {
    return ((task.row + i / task.group) * heads_ + task.kv_head * task.group + i % task.group) *
           dim_;
  }

  void open_queries(const Task<T>& task) {
    const int64_t count = task.count * task.group;
    memory_.assign(static_cast<size_t>(count * 2 * dim_), 0.0f);
    queries_.clear();
    for (int64_t i = 0; i < count; ++i) {
      float* own = memory_.data() + i * 2 * dim_;
      std::copy_n(read_row(q_ + place(task, i), own, dim_), dim_, own);
      scale(own, 1.0f / std::sqrt(static_cast<float>(dim_)), dim_);
      queries_.push_back({own, own + dim_});
    }
  }

  void write(const Task<T>& task, int64_t i) {
    const Query& query = queries_[static_cast<size_t>(i)];
    T* const to = out_ + place(task, i);
    scale(query.out, 1.0f / query.sum, dim_);
    if constexpr (std::is_same_v<T, float>) {
      std::copy_n(query.out, dim_, to);
    } else {
      narrow(query.out, to, dim_);
    }
  }

  const T* q_;
  T* out_;
  int64_t heads_, dim_;
  Scratch<T> scratch_;
  std::vector<float> memory_;  // of the queries, each its numbers [2, D]
  std::vector<Query> queries_;
};

/// One sequence: q [n, H, D] -> [n, H·D].
at::Tensor attend(const at::Tensor& q, const CachedSequence& sequence) {
  const int64_t n = q.size(0), all = sequence.length, kv_heads = sequence.keys.size(0);
  const int64_t group = q.size(1) / kv_heads;
  const at::Tensor queries = q.view({n, kv_heads, group, -1}).permute({1, 2, 0, 3});
  const auto for_group = [&](const at::Tensor& x) {  // [H_kv, room, D] -> [H_kv, group, M, D]
    return x.narrow(1, 0, all).unsqueeze(1).expand({-1, group, -1, -1});
  };
  std::optional<at::Tensor> mask;  // only where a token must not see a later one
  if (n > 1) mask = at::ones({n, all}, q.options().dtype(at::kBool)).tril(all - n);
  const at::Tensor mixed = at::scaled_dot_product_attention(queries, for_group(sequence.keys),
                                                            for_group(sequence.values), mask);
  return mixed.permute({2, 0, 1, 3}).reshape({n, -1});
}

}  // namespace

at::Tensor cached_attention(const at::Tensor& q, std::span<const CachedSequence> sequences) {
  if (!has_kernels(q)) return plain_cached_attention(q, sequences);
  const at::Tensor in = q.contiguous();
  at::Tensor out = at::empty({q.size(0), q.size(1) * q.size(2)}, q.options());
  for_dtype(in, [&](auto type) {
    using T = decltype(type);
    const std::vector<Task<T>> tasks = tasks_of<T>(sequences, q.size(1));
    at::parallel_for(0, static_cast<int64_t>(tasks.size()), tasks_per_thread<T>(tasks, q.size(2)),
                     [&](int64_t begin, int64_t end) {
                       Worker<T> worker(in, out);
                       for (int64_t i = begin; i < end; ++i) {
                         const Task<T>* const task = &tasks[static_cast<size_t>(i)];
                         worker.run(*task, i + 1 < end ? task + 1 : nullptr);
                       }
                     });
  });
  return out;
}

at::Tensor plain_cached_attention(const at::Tensor& q, std::span<const CachedSequence> sequences) {
  std::vector<at::Tensor> outputs;
  outputs.reserve(sequences.size());
  int64_t start = 0;
  for (const CachedSequence& sequence : sequences) {
    outputs.push_back(attend(q.narrow(0, start, sequence.count), sequence));
    start += sequence.count;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

}  // namespace matlora::nn

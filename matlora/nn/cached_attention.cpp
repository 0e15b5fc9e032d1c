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
struct Task {
  const CachedSequence* sequence;
  int64_t row;             // of the task's first token in q
  int64_t position;        // of it in the sequence
  int64_t count, kv_head;  // tokens
};

std::vector<Task> tasks_of(std::span<const CachedSequence> sequences) {
  std::vector<Task> tasks;
  int64_t row = 0;
  for (const CachedSequence& sequence : sequences) {
    for (int64_t i = 0; i < sequence.count; i += kTokens) {
      for (int64_t head = 0; head < sequence.keys.size(0); ++head) {
        tasks.push_back({&sequence, row + i, sequence.length - sequence.count + i,
                         std::min(kTokens, sequence.count - i), head});
      }
    }
    row += sequence.count;
  }
  return tasks;
}

/// How many of the tasks, at their mean size, are worth a thread.
int64_t tasks_per_thread(std::span<const Task> tasks, const at::Tensor& q) {
  constexpr int64_t kProducts = 1 << 16;
  int64_t pairs = 0;  // of a token and one that it sees, at most
  for (const Task& task : tasks) pairs += task.count * (task.position + task.count);
  const int64_t group = q.size(1) / tasks.front().sequence->keys.size(0);
  const int64_t products = 2 * pairs * group * q.size(2) / static_cast<int64_t>(tasks.size());
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
    float scores[kBlock];
    dot_rows(q, keys, count, dim, scores);
    const float before = largest;
    const float part = exponentials(scores, count, /*factor=*/1, largest);
    if (largest != before) {
      const float factor = std::exp(before - largest);
      sum *= factor;
      scale(out, factor, dim);
    }
    sum += part;
    add_rows(scores, values, count, dim, out);
  }
};

/// The task's queries, each with its numbers in `memory`: [count · H/H_kv, 2, D].
template <class T>
std::vector<Query> open_queries(const Task& task, const at::Tensor& q, int64_t group,
                                std::vector<float>& memory) {
  const int64_t heads = q.size(1), dim = q.size(2);
  memory.assign(static_cast<size_t>(task.count * group * 2 * dim), 0.0f);
  std::vector<Query> queries;
  for (int64_t i = 0; i < task.count * group; ++i) {
    const int64_t head = (task.row + i / group) * heads + task.kv_head * group + i % group;
    float* own = memory.data() + i * 2 * dim;
    const T* from = q.const_data_ptr<T>() + head * dim;
    std::copy_n(read_row(from, own, dim), dim, own);
    scale(own, 1.0f / std::sqrt(static_cast<float>(dim)), dim);
    queries.push_back({own, own + dim});
  }
  return queries;
}

/// The keys [room, D] of a task, or its values.
template <class T>
const T* rows_of(const at::Tensor& x, const Task& task) {
  return x.const_data_ptr<T>() + task.kv_head * x.size(1) * x.size(2);
}

/// Asks for the keys and values [begin, begin + kBlock) of a task, which will be read next.
template <class T>
void fetch(const Task& task, int64_t begin) {
  constexpr int64_t kLine = 64 / sizeof(T);
  const int64_t dim = task.sequence->keys.size(2);
  const int64_t end = std::min(begin + kBlock, task.position + task.count);
  const T* const keys = rows_of<T>(task.sequence->keys, task);
  const T* const values = rows_of<T>(task.sequence->values, task);
  for (int64_t i = begin * dim; i < end * dim; i += kLine) {
    __builtin_prefetch(keys + i, 0, 2);
    __builtin_prefetch(values + i, 0, 2);
  }
}

/// next: the task that this thread runs after it, or null.
template <class T>
void run(const Task& task, const Task* next, const at::Tensor& q, at::Tensor& out) {
  const CachedSequence& sequence = *task.sequence;
  const int64_t heads = q.size(1), dim = q.size(2), group = heads / sequence.keys.size(0);
  std::vector<float> memory;
  std::vector<Query> queries = open_queries<T>(task, q, group, memory);
  Scratch<T> scratch(2, kBlock * dim);
  const T* keys = rows_of<T>(sequence.keys, task);
  const T* values = rows_of<T>(sequence.values, task);
  const int64_t end = task.position + task.count;  // what the last of the tokens sees
  for (int64_t begin = 0; begin < end; begin += kBlock) {
    if (begin + kBlock < end) {
      fetch<T>(task, begin + kBlock);
    } else if (next != nullptr) {
      fetch<T>(*next, 0);
    }
    const int64_t numbers = std::min(kBlock, end - begin) * dim;
    const float* k = read_row(keys + begin * dim, scratch.row(0), numbers);
    const float* v = read_row(values + begin * dim, scratch.row(1), numbers);
    for (int64_t i = 0; i < static_cast<int64_t>(queries.size()); ++i) {
      const int64_t seen = std::min(kBlock, task.position + i / group + 1 - begin);
      if (seen > 0) queries[static_cast<size_t>(i)].add(k, v, seen, dim);
    }
  }
  for (int64_t i = 0; i < static_cast<int64_t>(queries.size()); ++i) {
    const Query& query = queries[static_cast<size_t>(i)];
    scale(query.out, 1.0f / query.sum, dim);
    T* to = out.mutable_data_ptr<T>() +
            ((task.row + i / group) * heads + task.kv_head * group + i % group) * dim;
    if constexpr (std::is_same_v<T, float>) {
      std::copy_n(query.out, dim, to);
    } else {
      narrow(query.out, to, dim);
    }
  }
}

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
  const std::vector<Task> tasks = tasks_of(sequences);
  for_dtype(in, [&](auto type) {
    at::parallel_for(0, static_cast<int64_t>(tasks.size()), tasks_per_thread(tasks, q),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i) {
                         const Task* const task = &tasks[static_cast<size_t>(i)];
                         run<decltype(type)>(*task, i + 1 < end ? task + 1 : nullptr, in, out);
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

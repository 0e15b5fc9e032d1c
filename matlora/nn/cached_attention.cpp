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

/// Keys and values of tokens that follow each other, of one key head: [length, D] of each.
template <class T>
struct Stretch {
  const T *keys, *values;
  int64_t length;

  /// Its rows from `begin` on, one block at most.
  Stretch block(int64_t begin, int64_t dim) const {
    return {keys + begin * dim, values + begin * dim, std::min(kBlock, length - begin)};
  }
};

template <class T>
Stretch<T> stretch(const CachedTokens& tokens, int64_t head, int64_t length) {
  const int64_t offset = head * tokens.keys.stride(0);
  return {tokens.keys.const_data_ptr<T>() + offset, tokens.values.const_data_ptr<T>() + offset,
          length};
}

/// Some new tokens of one sequence, and one of its key heads.
template <class T>
struct Task {
  Stretch<T> own;                      // up to the last of the new tokens
  std::vector<Stretch<T>> before;      // all of which every token sees
  int64_t row, count, kv_head, group;  // the first token's row in q, tokens, query heads of a key's

  int64_t keys() const { return own_start() + own.length; }
  /// How many keys are before its own sequence's.
  int64_t own_start() const {
    int64_t sum = 0;
    for (const Stretch<T>& stretch : before) sum += stretch.length;
    return sum;
  }
  /// The first key that new token i sees, of all of them.
  int64_t oldest(int64_t i, int64_t window) const {
    return window == 0 ? 0 : std::max<int64_t>(0, keys() - count + i - window + 1);
  }
};

template <class T>
std::vector<Task<T>> tasks_of(std::span<const CachedSequence> sequences, int64_t heads) {
  std::vector<Task<T>> tasks;
  int64_t row = 0;
  for (const CachedSequence& sequence : sequences) {
    const int64_t kv_heads = sequence.own.keys.size(0), count = sequence.count;
    for (int64_t i = 0; i < count; i += kTokens) {
      const int64_t tokens = std::min(kTokens, count - i);
      const int64_t seen = sequence.own.length - count + i + tokens;
      for (int64_t head = 0; head < kv_heads; ++head) {
        tasks.push_back(
            {stretch<T>(sequence.own, head, seen), {}, row + i, tokens, head, heads / kv_heads});
        for (const CachedTokens& before : sequence.before) {
          tasks.back().before.push_back(stretch<T>(before, head, before.length));
        }
      }
    }
    row += count;
  }
  return tasks;
}

/// How many of the tasks, at their mean size, are worth a thread.
template <class T>
int64_t tasks_per_thread(std::span<const Task<T>> tasks, int64_t dim, int64_t window) {
  constexpr int64_t kProducts = 1 << 16;
  int64_t pairs = 0;  // of a query and a key that it sees, at most
  for (const Task<T>& task : tasks)
    pairs += task.count * task.group * (task.keys() - task.oldest(0, window));
  const int64_t products = 2 * pairs * dim / static_cast<int64_t>(tasks.size());
  return std::max<int64_t>(1, kProducts / std::max<int64_t>(1, products));
}

/// Softmax over keys that come block by block (Milakov and Gimelshein 2018, arXiv 1805.02867):
/// `sum` and `out` are those of exp(score - largest) so far.
struct Query {
  float* q;    // [D], times the factor of q·k
  float* out;  // [D]
  float largest = -std::numeric_limits<float>::infinity(), sum = 0;

  /// keys, values: [count, D], 0 < count <= kBlock
  void add(const float* keys, const float* values, int64_t count, int64_t dim, float soft_cap) {
    constexpr int64_t kVector = 16;
    float scores[kBlock];
    dot_rows(q, keys, count, dim, scores);
    if (soft_cap != 0) soft_cap_row(scores, count, /*factor=*/1, soft_cap);
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
  Worker(const at::Tensor& q, const at::Tensor& out, const Attention& how)
      : q_(q.const_data_ptr<T>()),
        out_(out.mutable_data_ptr<T>()),
        heads_(q.size(1)),
        dim_(q.size(2)),
        factor_(static_cast<float>(how.factor(dim_))),
        soft_cap_(static_cast<float>(how.soft_cap)),
        window_(how.window),
        scratch_(2, kBlock * dim_) {}

  /// next: the task that this thread runs after it, or null.
  void run(const Task<T>& task, const Task<T>* next) {
    open_queries(task);
    int64_t start = 0;
    for (size_t i = 0; i < task.before.size(); ++i) {
      const bool last = i + 1 == task.before.size();
      add(task, task.before[i], start,
          last ? first_block(task.own) : first_block(task.before[i + 1]));
      start += task.before[i].length;
    }
    add(task, task.own, start, next != nullptr ? first_block(*next) : Stretch<T>());
    for (int64_t i = 0; i < static_cast<int64_t>(queries_.size()); ++i) write(task, i);
  }

 private:
  Stretch<T> first_block(const Stretch<T>& of) const { return of.block(0, dim_); }
  Stretch<T> first_block(const Task<T>& of) const {
    return first_block(of.before.empty() ? of.own : of.before.front());
  }

  /// The task's queries over one of its stretches, which has `start` keys before it. next: what is
  /// read after it.
  void add(const Task<T>& task, const Stretch<T>& all, int64_t start, const Stretch<T>& next) {
    const auto count = static_cast<int64_t>(queries_.size());
    const bool own = all.keys == task.own.keys;
    const int64_t oldest = std::max<int64_t>(0, task.oldest(0, window_) - start);
    for (int64_t begin = oldest / kBlock * kBlock; begin < all.length; begin += kBlock) {
      const Stretch<T> block = all.block(begin, dim_);
      const Stretch<T> ahead = begin + kBlock < all.length ? all.block(begin + kBlock, dim_) : next;
      const float* k = read_row(block.keys, scratch_.row(0), block.length * dim_);
      const float* v = read_row(block.values, scratch_.row(1), block.length * dim_);
      for (int64_t i = 0; i < count; ++i) {
        fetch(ahead, i, count);
        // Of its own sequence's tokens a token sees none that comes after it.
        const int64_t later = own ? task.count - 1 - i / task.group : 0;
        const int64_t seen = std::min(block.length, all.length - later - begin);
        const int64_t old =
            std::max<int64_t>(0, task.oldest(i / task.group, window_) - start - begin);
        if (seen <= old) continue;
        queries_[static_cast<size_t>(i)].add(k + old * dim_, v + old * dim_, seen - old, dim_,
                                             soft_cap_);
      }
    }
  }

  /// Asks for the i-th of `count` parts of a block, which will be read next: a few lines at a time,
  /// or the processor waits for them.
  void fetch(const Stretch<T>& block, int64_t i, int64_t count) const {
    constexpr int64_t kLine = 64 / sizeof(T);
    const int64_t lines = (block.length * dim_ + kLine - 1) / kLine;
    for (int64_t line = lines * i / count; line < lines * (i + 1) / count; ++line) {
      __builtin_prefetch(block.keys + line * kLine, 0, 2);
      __builtin_prefetch(block.values + line * kLine, 0, 2);
    }
  }

  /// Where a task's query i is in q and out.
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
      scale(own, factor_, dim_);
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
  float factor_, soft_cap_;
  int64_t window_;
  Scratch<T> scratch_;
  std::vector<float> memory_;  // of the queries, each its numbers [2, D]
  std::vector<Query> queries_;
};

/// The keys of a sequence, or its values: [H_kv, M, D].
at::Tensor whole(const CachedSequence& sequence, at::Tensor CachedTokens::*part) {
  std::vector<at::Tensor> pieces;
  for (const CachedTokens& before : sequence.before) {
    pieces.push_back((before.*part).narrow(1, 0, before.length));
  }
  pieces.push_back((sequence.own.*part).narrow(1, 0, sequence.own.length));
  return pieces.size() == 1 ? pieces[0] : at::cat(pieces, 1);
}

/// One sequence: q [n, H, D] -> [n, H·D].
at::Tensor attend(const at::Tensor& q, const CachedSequence& sequence, const Attention& how) {
  const at::Tensor keys = whole(sequence, &CachedTokens::keys);
  const int64_t n = q.size(0), kv_heads = keys.size(0);
  const int64_t group = q.size(1) / kv_heads;
  const at::Tensor queries = q.view({n, kv_heads, group, -1}).permute({1, 2, 0, 3});
  const auto for_group = [&](const at::Tensor& x) {  // [H_kv, M, D] -> [H_kv, group, M, D]
    return x.unsqueeze(1).expand({-1, group, -1, -1});
  };
  const at::Tensor mixed = plain_attention(queries, for_group(keys),
                                           for_group(whole(sequence, &CachedTokens::values)), how);
  return mixed.permute({2, 0, 1, 3}).reshape({n, -1});
}

}  // namespace

at::Tensor cached_attention(const at::Tensor& q, std::span<const CachedSequence> sequences,
                            const Attention& how) {
  if (!has_kernels(q)) return plain_cached_attention(q, sequences, how);
  const at::Tensor in = q.contiguous();
  at::Tensor out = at::empty({q.size(0), q.size(1) * q.size(2)}, q.options());
  for_dtype(in, [&](auto type) {
    using T = decltype(type);
    const std::vector<Task<T>> tasks = tasks_of<T>(sequences, q.size(1));
    at::parallel_for(0, static_cast<int64_t>(tasks.size()),
                     tasks_per_thread<T>(tasks, q.size(2), how.window),
                     [&](int64_t begin, int64_t end) {
                       Worker<T> worker(in, out, how);
                       for (int64_t i = begin; i < end; ++i) {
                         const Task<T>* const task = &tasks[static_cast<size_t>(i)];
                         worker.run(*task, i + 1 < end ? task + 1 : nullptr);
                       }
                     });
  });
  return out;
}

at::Tensor plain_cached_attention(const at::Tensor& q, std::span<const CachedSequence> sequences,
                                  const Attention& how) {
  std::vector<at::Tensor> outputs;
  outputs.reserve(sequences.size());
  int64_t start = 0;
  for (const CachedSequence& sequence : sequences) {
    outputs.push_back(attend(q.narrow(0, start, sequence.count), sequence, how));
    start += sequence.count;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

}  // namespace matlora::nn

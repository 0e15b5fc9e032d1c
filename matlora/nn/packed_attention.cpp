// H query heads, H_kv key heads, D head_dim, N tokens of a pack, n of one sequence.
#include "matlora/nn/packed_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "matlora/nn/gemm.h"
#include "matlora/nn/rows.h"
#include "matlora/nn/tasks.h"

namespace matlora::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kQueries = 64;  // rows of probabilities that exist at once

/// One head of one sequence of x [N, heads, D] float32, its D numbers contiguous.
MatrixView head_of(const at::Tensor& x, int64_t head, int64_t start, int64_t n) {
  return {x.const_data_ptr<float>() + start * x.stride(0) + head * x.stride(1), n, x.size(2),
          x.stride(0), 1};
}

float* writable(const MatrixView& view) { return const_cast<float*>(view.data); }

MatrixView rows_of(const MatrixView& x, int64_t first, int64_t count) {
  return {x.data + first * x.row_stride, count, x.columns, x.row_stride, 1};
}

/// Memory of the calling thread for `count` numbers; `which` tells apart what is used together.
float* scratch(size_t which, int64_t count) {
  thread_local std::vector<float> memory[4];
  std::vector<float>& own = memory[which];
  if (own.size() < static_cast<size_t>(count)) own.resize(static_cast<size_t>(count));
  return own.data();
}

/// x [n, D] -> its transpose [D, whole_panels(n)] in scratch, zeros on the right.
MatrixView transposed(const MatrixView& x, size_t which) {
  const int64_t width = whole_panels(x.rows);
  float* to = scratch(which, x.columns * width);
  transpose(x, to, width);
  for (int64_t d = 0; d < x.columns; ++d)
    std::fill(to + d * width + x.rows, to + (d + 1) * width, 0.0f);
  return {to, x.columns, width, width, 1};
}

/// Attention's numbers as the loops use them.
struct How {
  float factor, soft_cap;  // of q·k; 0: none
  int64_t window;          // 0: none
};

/// Queries [first, first + rows) of one head and the keys [begin, begin + keys) that they see,
/// `begin` where a panel begins.
struct Block {
  int64_t first, rows, begin, keys, width;  // width: `keys` in whole panels
  How how;

  static Block at(int64_t first, int64_t n, const How& how) {
    const int64_t rows = std::min(kQueries, n - first);
    const int64_t oldest = how.window == 0 ? 0 : std::max<int64_t>(0, first - how.window + 1);
    const int64_t begin = oldest - oldest % whole_panels(1), keys = first + rows - begin;
    return {first, rows, begin, keys, whole_panels(keys), how};
  }
  /// The keys that row r sees are [low(r), high(r)) of the block's.
  int64_t low(int64_t r) const {
    return how.window == 0 ? 0 : std::max<int64_t>(0, first + r - how.window + 1 - begin);
  }
  int64_t high(int64_t r) const { return first + r + 1 - begin; }
  /// Of x [n, D], the rows of the keys.
  MatrixView keys_of(const MatrixView& x) const { return rows_of(x, begin, keys); }
  /// x [rows, width] in memory as a factor over the keys.
  MatrixView over_keys(const float* x) const { return {x, rows, keys, width, 1}; }

  /// queries · transposed, the columns of the keys in sight (and of their last panel).
  void multiply(const MatrixView& queries, const MatrixView& keys_transposed, float* out) const {
    MatrixView columns = keys_transposed;
    columns.data += begin;
    columns.columns = width;
    small_gemm(rows_of(queries, first, rows), columns, out, width, /*accumulate=*/false);
  }
  /// Row r without what it does not see.
  void hide(int64_t r, float* row) const {
    std::fill(row, row + low(r), 0.0f);
    std::fill(row + high(r), row + keys, 0.0f);
  }
};

/// o and the logarithms of the sums `log_sums` [n] of one head.
void attend(const MatrixView& q, const MatrixView& k, const MatrixView& v, const MatrixView& o,
            const How& how, float* log_sums) {
  const MatrixView keys = transposed(k, 0);
  for (int64_t first = 0; first < q.rows; first += kQueries) {
    const Block block = Block::at(first, q.rows, how);
    float* p = scratch(1, block.rows * block.width);
    float sums[kQueries];
    block.multiply(q, keys, p);
    for (int64_t r = 0; r < block.rows; ++r) {
      float *row = p + r * block.width, *seen = row + block.low(r);
      const int64_t count = block.high(r) - block.low(r);
      if (how.soft_cap != 0) soft_cap_row(seen, count, how.factor, how.soft_cap);
      float largest = -std::numeric_limits<float>::infinity();
      sums[r] = exponentials(seen, count, how.soft_cap != 0 ? 1 : how.factor, largest);
      log_sums[first + r] = largest + std::log(sums[r]);
      block.hide(r, row);
    }
    float* out = writable(rows_of(o, first, block.rows));
    small_gemm(block.over_keys(p), block.keys_of(v), out, o.row_stride, false);
    for (int64_t r = 0; r < block.rows; ++r) scale(out + r * o.row_stride, 1 / sums[r], o.columns);
  }
}

/// What one head's gradients are made of; dq, dk, dv: where they go, dk and dv zero before.
struct HeadGradient {
  MatrixView q, k, v, o, d_o, dq, dk, dv;
  const float* log_sums;  // [n]
  How how;

  /// With p = exp(f·q·kᵀ - log sum): dv += pᵀ·do, dp = do·vᵀ, ds = f·p∘(dp - do·o),
  /// dq = ds·k, dk += dsᵀ·q. A soft cap's derivative is one more factor of ds.
  void run() const {
    const MatrixView keys = transposed(k, 0), values = transposed(v, 1);
    for (int64_t first = 0; first < q.rows; first += kQueries) {
      const Block block = Block::at(first, q.rows, how);
      float* p = scratch(2, block.rows * block.width);
      float* ds = scratch(3, block.rows * block.width);
      block.multiply(q, keys, p);
      block.multiply(d_o, values, ds);
      for (int64_t r = 0; r < block.rows; ++r) softmax_gradient(block, r, p, ds);
      const MatrixView own_p = block.over_keys(p), own_ds = block.over_keys(ds);
      const auto rows = [&](const MatrixView& x) { return rows_of(x, first, block.rows); };
      float *to_keys = writable(block.keys_of(dk)), *to_values = writable(block.keys_of(dv));
      small_gemm(own_ds, block.keys_of(k), writable(rows(dq)), dq.row_stride, false);
      small_gemm(own_ds.transposed(), rows(q), to_keys, dk.row_stride, true);
      small_gemm(own_p.transposed(), rows(d_o), to_values, dv.row_stride, true);
    }
  }

 private:
  void softmax_gradient(const Block& block, int64_t r, float* p, float* ds) const {
    const int64_t t = block.first + r;
    float *row = p + r * block.width, *gradient = ds + r * block.width;
    const int64_t low = block.low(r), count = block.high(r) - low;
    float along = 0;
    dot_rows(d_o.data + t * d_o.row_stride, o.data + t * o.row_stride, 1, o.columns, &along);
    if (how.soft_cap != 0) {
      capped_softmax_backward_row(row + low, gradient + low, along, how.factor, how.soft_cap,
                                  log_sums[t], gradient + low, count);
    } else {
      exp_row(row + low, count, how.factor, log_sums[t]);
      softmax_backward_row(row + low, gradient + low, along, how.factor, gradient + low, count);
    }
    block.hide(r, row);
    block.hide(r, gradient);
  }
};

How how_of(const Attention& how, int64_t head_dim) {
  return {static_cast<float>(how.factor(head_dim)), static_cast<float>(how.soft_cap), how.window};
}

/// Calls f(head, first token, tokens) for every head of every sequence, on all threads.
template <class F>
void for_heads(const std::vector<int64_t>& lengths, int64_t heads, const F& f) {
  std::vector<int64_t> starts;
  int64_t start = 0;
  for (const int64_t n : lengths) {
    starts.push_back(start);
    start += n;
  }
  for_tasks(static_cast<int64_t>(lengths.size()) * heads, [&](int64_t task) {
    const auto sequence = static_cast<size_t>(task / heads);
    f(task % heads, starts[sequence], lengths[sequence]);
  });
}

struct PackedAttention : torch::autograd::Function<PackedAttention> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<int64_t>& lengths,
                            const Attention& attention) {
    const How how = how_of(attention, q.size(2));
    const at::Tensor q32 = q.to(at::kFloat), k32 = k.to(at::kFloat), v32 = v.to(at::kFloat);
    const int64_t heads = q.size(1), group = heads / k.size(1);
    at::Tensor o = at::empty(q.sizes(), q32.options());
    at::Tensor log_sums = at::empty({heads, q.size(0)}, q32.options());
    for_heads(lengths, heads, [&](int64_t head, int64_t start, int64_t n) {
      attend(head_of(q32, head, start, n), head_of(k32, head / group, start, n),
             head_of(v32, head / group, start, n), head_of(o, head, start, n), how,
             log_sums.mutable_data_ptr<float>() + head * q.size(0) + start);
    });
    o = o.to(q.scalar_type()).flatten(1);
    context->save_for_backward({q, k, v, o, log_sums});
    context->saved_data["lengths"] = lengths;
    context->saved_data["factor"] = double{how.factor};
    context->saved_data["soft_cap"] = double{how.soft_cap};
    context->saved_data["window"] = how.window;
    return o;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    variable_list saved = context->get_saved_variables();
    const std::vector<int64_t> lengths = context->saved_data["lengths"].toIntVector();
    const How how = {static_cast<float>(context->saved_data["factor"].toDouble()),
                     static_cast<float>(context->saved_data["soft_cap"].toDouble()),
                     context->saved_data["window"].toInt()};
    const at::ScalarType dtype = saved[0].scalar_type();
    const at::Tensor log_sums = saved[4];
    for (size_t i = 0; i < 4; ++i) saved[i] = saved[i].to(at::kFloat);
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const at::Tensor o = saved[3].view(q.sizes());
    const at::Tensor d_o = gradients[0].to(at::kFloat).contiguous().view(q.sizes());
    const int64_t tokens = q.size(0), heads = q.size(1), dim = q.size(2), group = heads / k.size(1);
    const at::Tensor dq = at::empty(q.sizes(), q.options());
    // Per query head; those of a group are added up below.
    const at::Tensor dk = at::zeros(q.sizes(), q.options());
    const at::Tensor dv = at::zeros(q.sizes(), q.options());
    for_heads(lengths, heads, [&](int64_t head, int64_t start, int64_t n) {
      const auto own = [&](const at::Tensor& x) { return head_of(x, head, start, n); };
      const auto shared = [&](const at::Tensor& x) { return head_of(x, head / group, start, n); };
      HeadGradient{own(q),  shared(k), shared(v),
                   own(o),  own(d_o),  own(dq),
                   own(dk), own(dv),   log_sums.const_data_ptr<float>() + head * tokens + start,
                   how}
          .run();
    });
    const auto over_group = [&](const at::Tensor& x) {
      return (group == 1 ? x : x.view({tokens, -1, group, dim}).sum(2)).to(dtype);
    };
    return {dq.to(dtype), over_group(dk), over_group(dv), at::Tensor(), at::Tensor()};
  }
};

/// Queries [n, H, D] -> [H_kv, H/H_kv, n, D]: a batch of the heads that read one key head.
at::Tensor by_group(const at::Tensor& q, int64_t kv_heads) {
  return q.unflatten(1, {kv_heads, -1}).permute({1, 2, 0, 3});
}

/// Keys or values [n, H_kv, D] -> [H_kv, group, n, D], one for all heads of its group.
at::Tensor for_group(const at::Tensor& k, int64_t group) {
  return k.transpose(0, 1).unsqueeze(1).expand({-1, group, -1, -1});
}

bool rows_are_contiguous(const at::Tensor& x) { return x.stride(2) == 1; }

}  // namespace

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::span<const int64_t> lengths, const Attention& how) {
  if (has_kernels(q) && has_gemm() && rows_are_contiguous(q) && rows_are_contiguous(k) &&
      rows_are_contiguous(v)) {
    return PackedAttention::apply(q, k, v, std::vector<int64_t>(lengths.begin(), lengths.end()),
                                  how);
  }
  return plain_packed_attention(q, k, v, lengths, how);
}

at::Tensor plain_packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  std::span<const int64_t> lengths, const Attention& how) {
  const int64_t kv_heads = k.size(1), group = q.size(1) / kv_heads;
  std::vector<at::Tensor> outputs;
  outputs.reserve(lengths.size());
  int64_t start = 0;
  for (const int64_t n : lengths) {
    const at::Tensor o = plain_attention(by_group(q.narrow(0, start, n), kv_heads),
                                         for_group(k.narrow(0, start, n), group),
                                         for_group(v.narrow(0, start, n), group), how);
    outputs.push_back(o.permute({2, 0, 1, 3}).reshape({n, -1}));  // [H_kv, group, n, D] -> [n, H·D]
    start += n;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

}  // namespace matlora::nn

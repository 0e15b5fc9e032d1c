#include "matlora/nn/kv_cache.h"

#include <ATen/ATen.h>

#include "matlora/base/error.h"

namespace matlora::nn {

KvCache::KvCache(int64_t num_layers, int64_t num_kv_heads, int64_t head_dim, int64_t capacity,
                 const at::TensorOptions& options)
    : capacity_(capacity) {
  for (int64_t layer = 0; layer < num_layers; ++layer) {
    keys_.push_back(at::empty({capacity, num_kv_heads, head_dim}, options));
    values_.push_back(at::empty({capacity, num_kv_heads, head_dim}, options));
  }
}

KvCache::View KvCache::append(int64_t layer, const at::Tensor& keys, const at::Tensor& values) {
  const int64_t n = keys.size(0);
  check(length_ + n <= capacity_, "kv cache: ", length_ + n, " tokens, room for ", capacity_);
  const auto i = static_cast<size_t>(layer);
  keys_[i].narrow(0, length_, n).copy_(keys);
  values_[i].narrow(0, length_, n).copy_(values);
  return {keys_[i].narrow(0, 0, length_ + n), values_[i].narrow(0, 0, length_ + n)};
}

}  // namespace matlora::nn

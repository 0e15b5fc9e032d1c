// A Delta of two given matrices.
#pragma once

#include <ATen/ATen.h>

#include <utility>

#include "matlora/nn/delta.h"

namespace matlora::tests {

struct FixedChange : nn::Delta {
  FixedChange(at::Tensor down, at::Tensor up) : down_(std::move(down)), up_(std::move(up)) {}
  nn::LowRank factors(nn::Variant, at::ScalarType dtype) const override {
    return {down_.to(dtype), up_.to(dtype)};
  }

 private:
  at::Tensor down_, up_;  // [w, in], [out, w]
};

}  // namespace matlora::tests

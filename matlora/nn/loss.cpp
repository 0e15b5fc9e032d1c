#include "matlora/nn/loss.h"

#include <ATen/ATen.h>

namespace matlora::nn {

at::Tensor token_losses(const at::Tensor& logits, const at::Tensor& labels) {
  const at::Tensor z =
      logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);  // [M, V]
  return at::cross_entropy_loss(z, labels, /*weight=*/{}, at::Reduction::None);
}

}  // namespace matlora::nn

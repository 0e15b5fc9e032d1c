// Uses the installed library, Torch included: rank 2 of a nested adapter's gate, on a tensor.
#include <ATen/ATen.h>

#include <iostream>
#include <vector>

#include "matlora/adapter/gate.h"

int main() {
  using namespace matlora::adapter;
  GateRule rule;
  rule.rank = 4;
  rule.train_ranks = powers_of_two(4);
  const std::vector<double> gate = inference_gate(rule, 2, InferenceGate::paper);
  const at::Tensor values = at::tensor(gate);
  std::cout << values << "\n";
  return values.numel() == 2 ? 0 : 1;
}

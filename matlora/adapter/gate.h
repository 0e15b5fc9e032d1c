// The gate g of R numbers between the two matrices of an adapter: delta(x) = ((x Aᵀ) ∘ g) Bᵀ.
// Training gates (S the train ranks, n = |S|, i counted from 0):
//   LoRA        g_i = s(R)                            Hu et al. 2021, arXiv 2106.09685
//   DyLoRA      g_i = s(r)·[i < r], r drawn from S     Valipour et al. 2022, arXiv 2210.07558
//   Matryoshka  g_i = P_i = Σ_{r in S, r > i} s(r)     arXiv 2605.07850, Algorithm 1 (mask `diag`)
//               g_i = P_i / n                         the paper's reference code (mask `binary`)
//   nested      g_i = P_i·[i < r], r drawn for each sequence: P_i of a mask above, or s(R) for all
//               (mask `constant`). Ours: every prefix has a loss, and the gate of a direction does
//               not depend on the rank (docs/method.md)
//   custom      g_i = any numbers
// DyLoRA with the mask `constant` has s(R)·[i < r].
// with s(r) = alpha, alpha/r or alpha/√r for the scalings none, rank and sqrt (matlora trains with
// alpha = 1; PEFT adapters bring their own).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::adapter {

enum class Method { nested, matryoshka, dylora, lora, custom };
enum class Scaling { sqrt, rank, none };
enum class Mask { diag, binary, constant };
enum class InferenceGate { paper, trained };

/// Everything that decides the gates of an adapter. Whoever fills one in passes it through
/// checked(); the functions below and the trainer refuse one that would not pass.
struct GateRule {
  Method method = Method::matryoshka;
  Scaling scaling = Scaling::sqrt;
  Mask mask = Mask::diag;
  double alpha = 1;
  int64_t rank = 0;                  // R
  std::vector<int64_t> train_ranks;  // S, ascending, each in 1..R
  std::vector<double> custom;        // R numbers, only for Method::custom
};

/// Ranks above this one are taken to be a mistake.
constexpr int64_t kMaxRank = int64_t{1} << 20;

/// Gives `rule` back. Throws UserError at `where`, naming what is wrong, unless R is in
/// 1..kMaxRank; the train ranks ascend within 1..R and there is one wherever they decide something
/// (nested, matryoshka, dylora); alpha is finite; and a custom gate (only such a rule has one) is R
/// numbers that are finite in float32.
GateRule checked(GateRule rule, const std::string& where);

/// The same without a copy.
void validate(const GateRule& rule, const std::string& where);

/// s(r). r >= 1.
double scale(const GateRule& rule, int64_t r);

/// The gate of one training micro-batch: R numbers. `sampled_rank` only matters to DyLoRA; nested's
/// is that of the full rank. Throws UserError for a rule that checked() refuses, as does
/// inference_gate().
std::vector<double> training_gate(const GateRule& rule, int64_t sampled_rank = 0);

/// The gate of rank k (1..R) at inference: k numbers, the rest being zero. `paper`: s(k) for all;
/// `trained`: the training gate's first k (DyLoRA: s(k)). A gate that does not depend on the rank
/// (nested; the mask `constant`) has no other than its first k.
std::vector<double> inference_gate(const GateRule& rule, int64_t k, InferenceGate gate);

/// The powers of two up to R: the default S.
std::vector<int64_t> powers_of_two(int64_t rank);

/// Names in both directions, for flags and files. The `parse_` forms throw UserError at `where`.
const char* name(Method value);
const char* name(Scaling value);
const char* name(Mask value);
const char* name(InferenceGate value);
Method parse_method(const std::string& text, const std::string& where);
Scaling parse_scaling(const std::string& text, const std::string& where);
Mask parse_mask(const std::string& text, const std::string& where);
InferenceGate parse_inference_gate(const std::string& text, const std::string& where);

}  // namespace matlora::adapter

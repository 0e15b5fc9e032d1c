#include "matlora/model/families/differences.h"

#include <cmath>

#include "matlora/base/error.h"

namespace matlora::model {
namespace {

bool is_near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::max(std::abs(a), 1e-30); }

bool is_near(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!is_near(a[i], b[i])) return false;
  }
  return true;
}

class Finder {
 public:
  Finder(const Hyperparameters& a, const Hyperparameters& b) : a_(a), b_(b) {}

  std::string find() {
    sizes();
    add("rms_norm_eps", a_.rms_norm_eps, b_.rms_norm_eps);
    add("the scale of attention", attention_scale(a_), attention_scale(b_));
    add("the soft cap of attention", a_.attention_soft_cap, b_.attention_soft_cap);
    add("the soft cap of logits", a_.logit_soft_cap, b_.logit_soft_cap);
    add("the factor of embeddings", a_.embedding_scale, b_.embedding_scale);
    add("the factor of residuals", a_.residual_scale, b_.residual_scale);
    add("the factor of logits", a_.logit_scale, b_.logit_scale);
    for (int64_t i = 0; i < a_.num_layers && i < b_.num_layers && layers_ok_; ++i) layer(i);
    return std::move(text_);
  }

 private:
  void add(const std::string& what, double a, double b) {
    if (!is_near(a, b)) text_ += cat(text_.empty() ? "" : "; ", what, " ", a, ", ", b);
  }

  void sizes() {
    const auto count = [&](const char* what, int64_t a, int64_t b) {
      add(what, static_cast<double>(a), static_cast<double>(b));
    };
    count("vocab_size", a_.vocab_size, b_.vocab_size);
    count("hidden_size", a_.hidden_size, b_.hidden_size);
    count("intermediate_size", a_.intermediate_size, b_.intermediate_size);
    count("layers", a_.num_layers, b_.num_layers);
    count("heads", a_.num_heads, b_.num_heads);
    count("key heads", a_.num_kv_heads, b_.num_kv_heads);
    count("head_dim", a_.head_dim, b_.head_dim);
    count("positions", a_.max_position_embeddings, b_.max_position_embeddings);
    count("the activation", static_cast<int64_t>(a_.activation),
          static_cast<int64_t>(b_.activation));
    count("tied embeddings", a_.tie_word_embeddings, b_.tie_word_embeddings);
    count("biases of attention", a_.attention_bias, b_.attention_bias);
    count("a bias of o_proj", a_.attention_output_bias, b_.attention_output_bias);
    count("biases of the feed-forward part", a_.mlp_bias, b_.mlp_bias);
  }

  static double attention_scale(const Hyperparameters& of) {
    return of.attention_scale != 0 ? of.attention_scale
                                   : 1 / std::sqrt(static_cast<double>(of.head_dim));
  }

  static LayerKind kind(const Hyperparameters& of, int64_t layer) {
    return of.kinds.empty() ? LayerKind{} : of.kinds.at(static_cast<size_t>(layer));
  }

  /// Names one layer of each kind of difference: the first.
  void layer(int64_t index) {
    const LayerKind a = kind(a_, index), b = kind(b_, index);
    const size_t before = text_.size();
    add(cat("the window of layer ", index), static_cast<double>(a.window),
        static_cast<double>(b.window));
    if ((a.rope < 0) != (b.rope < 0)) {
      text_ += cat(text_.empty() ? "" : "; ", "whether layer ", index, " has rope");
    } else if (a.rope >= 0 && !same_rope(a_.ropes.at(static_cast<size_t>(a.rope)),
                                         b_.ropes.at(static_cast<size_t>(b.rope)))) {
      text_ += cat(text_.empty() ? "" : "; ", "the rope of layer ", index);
    }
    layers_ok_ = text_.size() == before;
  }

  bool same_rope(const RopeParameters& a, const RopeParameters& b) const {
    if (!is_near(a.theta, b.theta) || rotary_dims(a_, a) != rotary_dims(b_, b)) return false;
    return same_scaling(a.scaling, b.scaling);
  }

  static bool same_scaling(const RopeScaling& a, const RopeScaling& b) {
    using Kind = RopeScaling::Kind;
    if (a.kind != b.kind) return false;
    if (a.kind == Kind::none) return true;
    if (a.kind != Kind::longrope && !is_near(a.factor, b.factor)) return false;
    if (a.kind == Kind::linear) return true;
    if (a.original_max_position_embeddings != b.original_max_position_embeddings) return false;
    if (a.kind == Kind::llama3) {
      return is_near(a.low_freq_factor, b.low_freq_factor) &&
             is_near(a.high_freq_factor, b.high_freq_factor);
    }
    if (!is_near(a.attention_factor, b.attention_factor)) return false;
    if (a.kind == Kind::longrope) {
      return is_near(a.short_factors, b.short_factors) && is_near(a.long_factors, b.long_factors);
    }
    return is_near(a.beta_fast, b.beta_fast) && is_near(a.beta_slow, b.beta_slow) &&
           a.truncate == b.truncate;
  }

  const Hyperparameters &a_, &b_;
  std::string text_;
  bool layers_ok_ = true;
};

}  // namespace

std::string differences(const Hyperparameters& a, const Hyperparameters& b) {
  return Finder(a, b).find();
}

}  // namespace matlora::model

#include "matlora/model/families/gguf_keys.h"

#include <unistd.h>

#include <algorithm>

#include "matlora/model/families/configs.h"
#include "matlora/model/families/differences.h"
#include "matlora/model/families/tensor_list.h"
#include "matlora/nn/rope.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;
using Kind = RopeScaling::Kind;

class Keys {
 public:
  Keys(const Configuration& model, std::string architecture)
      : of_(model.of), name_(std::move(architecture)) {}

  GgufKeys all(const fs::path& base) {
    const fs::path normal = fs::absolute(base).lexically_normal();
    const fs::path last = normal.has_filename() ? normal : normal.parent_path();
    keys_.pairs.string("general.architecture", name_)
        .string("general.type", "model")
        .string("general.name", last.filename().string());
    sizes();
    rope();
    windows();
    factors();
    return std::move(keys_);
  }

 private:
  std::string key(const char* rest) const { return name_ + "." + rest; }
  void count(const char* rest, int64_t value) {
    keys_.pairs.u32(key(rest), static_cast<uint32_t>(value));
  }
  void number(const char* rest, double value) { keys_.pairs.f32(key(rest), value); }

  void sizes() {
    count("block_count", of_.num_layers);
    count("context_length", of_.max_position_embeddings);
    count("embedding_length", of_.hidden_size);
    count("feed_forward_length", of_.intermediate_size);
    count("attention.head_count", of_.num_heads);
    count("attention.head_count_kv", of_.num_kv_heads);
    count("attention.key_length", of_.head_dim);
    count("attention.value_length", of_.head_dim);
    number("attention.layer_norm_rms_epsilon", of_.rms_norm_eps);
    count("vocab_size", of_.vocab_size);
  }

  void rope() {
    const RopeParameters& rope = of_.ropes.front();
    count("rope.dimension_count", rotary_dims(of_, rope));
    number("rope.freq_base", rope.theta);
    if (of_.ropes.size() > 1) number("rope.freq_base_swa", of_.ropes[1].theta);
    const RopeScaling& scaling = rope.scaling;
    if (scaling.kind == Kind::linear || scaling.kind == Kind::yarn) {
      keys_.pairs.string(key("rope.scaling.type"), name(scaling.kind));
      number("rope.scaling.factor", scaling.factor);
    }
    if (scaling.kind == Kind::yarn) {
      count("rope.scaling.original_context_length", scaling.original_max_position_embeddings);
      number("rope.scaling.attn_factor",
             scaling.attention_factor / yarn_attention_factor(scaling.factor));
      number("rope.scaling.yarn_beta_fast", scaling.beta_fast);
      number("rope.scaling.yarn_beta_slow", scaling.beta_slow);
    }
    if (scaling.kind == Kind::llama3) add_llama3(rope);
    if (scaling.kind == Kind::longrope) {
      count("rope.scaling.original_context_length", scaling.original_max_position_embeddings);
      number("rope.scaling.attn_factor", scaling.attention_factor);
      add("rope_factors_long.weight", scaling.long_factors);
      add("rope_factors_short.weight", scaling.short_factors);
    }
  }

  /// What each frequency is divided by.
  void add_llama3(const RopeParameters& rope) {
    const RopeScaling& scaling = rope.scaling;
    const std::vector<float> plain = nn::rope_frequencies(rotary_dims(of_, rope), rope.theta);
    std::vector<float> scaled = plain;
    nn::scale_llama3(scaled, scaling.factor, scaling.low_freq_factor, scaling.high_freq_factor,
                     scaling.original_max_position_embeddings);
    std::vector<double> divisors;
    for (size_t i = 0; i < plain.size(); ++i) {
      divisors.push_back(static_cast<double>(plain[i]) / static_cast<double>(scaled[i]));
    }
    add("rope_freqs.weight", divisors);
  }

  void add(const std::string& tensor, const std::vector<double>& values) {
    keys_.tensors.emplace_back(tensor, std::vector<float>(values.begin(), values.end()));
  }

  void windows() {
    int64_t window = 0;
    std::vector<bool> sliding;
    for (const LayerKind& kind : of_.kinds) {
      window = std::max(window, kind.window);
      sliding.push_back(kind.window > 0);
    }
    if (window == 0) return;
    count("attention.sliding_window", window);
    if (std::find(sliding.begin(), sliding.end(), false) == sliding.end()) return;
    keys_.pairs.booleans(key("attention.sliding_window_pattern"), sliding);
  }

  void factors() {
    if (of_.attention_soft_cap != 0) number("attn_logit_softcapping", of_.attention_soft_cap);
    if (of_.logit_soft_cap != 0) number("final_logit_softcapping", of_.logit_soft_cap);
    if (of_.residual_scale == 1 && of_.logit_scale == 1) return;
    number("attention.scale", of_.attention_scale);
    number("embedding_scale", of_.embedding_scale);
    number("residual_scale", of_.residual_scale);
    number("logit_scale", 1 / of_.logit_scale);
  }

  const Hyperparameters& of_;
  std::string name_;
  GgufKeys keys_;
};

/// A file that is removed with the object.
struct Probe {
  explicit Probe(const fs::path& at) : path(at) {}
  ~Probe() {
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  fs::path path;
};

/// The metadata, and the names of the tensors without their numbers.
void write_probe(const fs::path& path, const Configuration& model, const GgufKeys& keys) {
  std::vector<format::GgufPlan> plans;
  for (const TensorShape& tensor : tensors_of(model)) {
    plans.push_back({model.family->gguf_name(tensor.name), format::GgmlType::f32, {0}});
  }
  for (const auto& [name, values] : keys.tensors) {
    plans.push_back({name, format::GgmlType::f32, {static_cast<int64_t>(values.size())}});
  }
  format::GgufWriter writer(path, keys.pairs, std::move(plans));
  for (const auto& [name, values] : keys.tensors) writer.write(std::as_bytes(std::span(values)));
  writer.commit();
}

}  // namespace

GgufKeys gguf_keys(const Configuration& model, const fs::path& base) {
  const char* const architecture = written_architecture(model);
  if (architecture == nullptr) {
    fail(base.string(), "GGUF has no architecture for ", model.family->name,
         "; expected a directory to be written");
  }
  return Keys(model, architecture).all(base);
}

void check_gguf_keys(const Configuration& model, const GgufKeys& keys, const fs::path& base) {
  const Probe probe(fs::temp_directory_path() / cat("matlora-", ::getpid(), ".gguf"));
  write_probe(probe.path, model, keys);
  Hyperparameters expected = model.of;
  for (RopeParameters& rope : expected.ropes) {  // which a tensor says
    if (rope.scaling.kind == Kind::llama3) rope.scaling = {};
  }
  const Configuration read = read_gguf_configuration(format::Gguf::open(probe.path));
  const std::string other = differences(expected, read.of);
  if (other.empty()) return;
  fail(base.string(), "a GGUF file of ", model.family->name,
       " cannot say this model's options (here, there): ", other,
       "; expected a directory to be written");
}

}  // namespace matlora::model

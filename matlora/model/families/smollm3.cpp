// SmolLM3: Llama without rope in every fourth layer. Keys: transformers' SmolLM3Config; GGUF does
// not say which layers these are, llama.cpp takes every fourth.
#include "matlora/base/error.h"
#include "matlora/model/families/configs.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

void set_rope(const std::vector<int64_t>& has_rope, Hyperparameters& of) {
  of.kinds.resize(static_cast<size_t>(of.num_layers));
  for (size_t i = 0; i < of.kinds.size(); ++i) of.kinds[i].rope = has_rope[i] != 0 ? 0 : -1;
}

/// 1 where a layer has rope.
std::vector<int64_t> every(int64_t interval, int64_t layers) {
  std::vector<int64_t> has_rope;
  for (int64_t i = 0; i < layers; ++i) has_rope.push_back((i + 1) % interval != 0);
  return has_rope;
}

Hyperparameters read_hf(const JsonObject& config) {
  expect_activation(config, "silu");
  Hyperparameters of = read_hf_sizes(config, {.num_kv_heads = 4,
                                              .max_position_embeddings = 32768,
                                              .tie_word_embeddings = true,
                                              .rope_theta = 2000000});
  read_hf_biases(config, of);
  const std::vector<int64_t> has_rope =
      config.find("no_rope_layers")
          ? config.integers("no_rope_layers", 0, 1)
          : every(config.integer_or("no_rope_layer_interval", 4, 1, kMaxSize), of.num_layers);
  if (static_cast<int64_t>(has_rope.size()) < of.num_layers) {
    fail(config.where(), "'no_rope_layers': expected ", of.num_layers, " (num_hidden_layers), got ",
         has_rope.size());
  }
  set_rope(has_rope, of);
  if (!config.boolean_or("use_sliding_window", false)) return of;
  const int64_t window = read_window(config, 0);
  const std::vector<bool> sliding = read_sliding_layers(config, of.num_layers, [&](int64_t i) {
    return window > 0 && has_rope[static_cast<size_t>(i)] == 0;
  });
  for (size_t i = 0; i < of.kinds.size(); ++i) of.kinds[i].window = sliding[i] ? window : 0;
  return of;
}

Hyperparameters read_gguf(const format::Gguf& file) {
  Hyperparameters of = read_gguf_sizes(file, "smollm3");
  read_gguf_biases(file, of);
  set_rope(every(4, of.num_layers), of);
  return of;
}

}  // namespace

Family smollm3_family() {
  Family family = llama_family();
  family.name = "smollm3";
  family.hf_types = {{"smollm3", "SmolLM3ForCausalLM"}};
  family.gguf_architectures = {"smollm3"};
  family.read_hf = read_hf;
  family.read_gguf = read_gguf;
  return family;
}

}  // namespace matlora::model

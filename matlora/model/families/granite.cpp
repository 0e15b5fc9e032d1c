// Granite 3: Llama with four factors. Keys: transformers' GraniteConfig; llama.cpp's converter
// writes logits_scaling, which divides, as logit_scale.
#include "matlora/model/families/configs.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

Hyperparameters read_hf(const JsonObject& config) {
  expect_activation(config, "silu");
  Hyperparameters of = read_hf_sizes(config);
  read_hf_biases(config, of);
  of.embedding_scale = config.number_or("embedding_multiplier", 1);
  of.residual_scale = config.number_or("residual_multiplier", 1);
  of.attention_scale = config.number_or("attention_multiplier", 1);
  of.logit_scale = 1 / config.number_or("logits_scaling", 1);
  return of;
}

Hyperparameters read_gguf(const format::Gguf& file) {
  Hyperparameters of = read_gguf_sizes(file, "granite");
  read_gguf_biases(file, of);
  of.embedding_scale = file.number_or("granite.embedding_scale", 1);
  of.residual_scale = file.number_or("granite.residual_scale", 1);
  of.attention_scale = file.number_or("granite.attention.scale", 0);
  of.logit_scale = 1 / file.number_or("granite.logit_scale", 1);
  return of;
}

}  // namespace

Family granite_family() {
  Family family = llama_family();
  family.name = "granite";
  family.hf_types = {{"granite", "GraniteForCausalLM"}};
  family.gguf_architectures = {"granite"};
  family.read_hf = read_hf;
  family.read_gguf = read_gguf;
  return family;
}

}  // namespace matlora::model

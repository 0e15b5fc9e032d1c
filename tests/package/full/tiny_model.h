// A small random model as a HF directory, and records to train it on, with public headers only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/format/safetensors.h"

struct TinyModel {
  int64_t hidden = 16, intermediate = 24, vocabulary = 98, layers = 2;
};

/// A token for each printable ASCII character; 95 ends a text.
inline matlora::Json tiny_tokenizer() {
  using matlora::Json;
  Json vocabulary = {{"\u0120", 0}, {"<eos>", 95}};
  for (int id = 1; id < 95; ++id) vocabulary[std::string(1, static_cast<char>(0x20 + id))] = id;
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", true},
                           {"use_regex", true}};
  const Json end = {
      {"id", 95},        {"content", "<eos>"},  {"special", true},     {"lstrip", false},
      {"rstrip", false}, {"normalized", false}, {"single_word", false}};
  Json json = {{"version", "1.0"},          {"added_tokens", Json::array({end})},
               {"normalizer", nullptr},     {"pre_tokenizer", byte_level},
               {"post_processor", nullptr}, {"decoder", byte_level}};
  json["model"] = {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}};
  return json;
}

inline matlora::Json tiny_config(const TinyModel& sizes) {
  return {{"model_type", "llama"},
          {"hidden_act", "silu"},
          {"vocab_size", sizes.vocabulary},
          {"hidden_size", sizes.hidden},
          {"intermediate_size", sizes.intermediate},
          {"num_hidden_layers", sizes.layers},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 4},
          {"max_position_embeddings", 128},
          {"rms_norm_eps", 1e-5},
          {"tie_word_embeddings", true},
          {"eos_token_id", 95}};
}

/// Normal numbers, 0.1 at a deviation; norms are one.
inline void write_weights(const std::filesystem::path& path, const TinyModel& sizes,
                          uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 0.1F);
  std::vector<std::vector<float>> data;
  std::vector<matlora::format::TensorView> views;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    size_t count = 1;
    for (const int64_t size : shape) count *= static_cast<size_t>(size);
    std::vector<float> values(count, 1);
    if (shape.size() > 1) {
      for (float& value : values) value = normal(random);
    }
    data.push_back(std::move(values));
    views.push_back({name, matlora::format::DType::f32, std::move(shape),
                     std::as_bytes(std::span(data.back()))});
  };
  const int64_t hidden = sizes.hidden, inner = sizes.intermediate;
  add("model.embed_tokens.weight", {sizes.vocabulary, hidden});
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      add(layer + "self_attn." + name + ".weight", {hidden, hidden});
    }
    add(layer + "mlp.gate_proj.weight", {inner, hidden});
    add(layer + "mlp.up_proj.weight", {inner, hidden});
    add(layer + "mlp.down_proj.weight", {hidden, inner});
    add(layer + "input_layernorm.weight", {hidden});
    add(layer + "post_attention_layernorm.weight", {hidden});
  }
  add("model.norm.weight", {hidden});
  matlora::format::write_safetensors(path, views, {});
}

inline void write_model(const std::filesystem::path& directory, uint64_t seed,
                        const TinyModel& sizes = {}) {
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "config.json") << tiny_config(sizes);
  std::ofstream(directory / "tokenizer.json") << tiny_tokenizer();
  write_weights(directory / "model.safetensors", sizes, seed);
}

inline void write_records(const std::filesystem::path& path) {
  std::ofstream out(path);
  for (int i = 0; i < 40; ++i) {
    out << matlora::Json{{"prompt", std::to_string(i) + " + 1 = "},
                         {"completion", std::to_string(i + 1)}}
        << '\n';
  }
}

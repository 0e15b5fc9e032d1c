#include "matlora/model/families/hf_writer.h"

#include <algorithm>
#include <cmath>

#include "matlora/base/json.h"
#include "matlora/model/families/configs.h"
#include "matlora/model/families/differences.h"
#include "matlora/model/families/tensor_list.h"

namespace matlora::model {
namespace {

using Kind = RopeScaling::Kind;

/// float32 as the shortest number that it is the nearest to: 1e-05, not 9.999999747378752e-06.
double shortest(double value) {
  for (int digits = 1; digits < 10; ++digits) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
    const double rounded = std::strtod(text, nullptr);
    if (static_cast<float>(rounded) == static_cast<float>(value)) return rounded;
  }
  return value;
}

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(shortest(value));
  return list;
}

Json scaling_of(const Hyperparameters& of, const RopeParameters& rope) {
  const RopeScaling& scaling = rope.scaling;
  Json json = {{"rope_type", name(scaling.kind)}, {"type", name(scaling.kind)}};
  if (scaling.kind == Kind::none) return nullptr;
  if (scaling.kind != Kind::longrope) json["factor"] = shortest(scaling.factor);
  if (scaling.kind == Kind::yarn || scaling.kind == Kind::longrope) {
    json["original_max_position_embeddings"] = scaling.original_max_position_embeddings;
    json["attention_factor"] = shortest(scaling.attention_factor);
  }
  if (scaling.kind == Kind::yarn) {
    json["beta_fast"] = shortest(scaling.beta_fast);
    json["beta_slow"] = shortest(scaling.beta_slow);
  }
  if (scaling.kind == Kind::longrope) {
    json["short_factor"] = numbers(scaling.short_factors);
    json["long_factor"] = numbers(scaling.long_factors);
  }
  (void)of;
  return json;
}

void add_rope(const Hyperparameters& of, Json& config) {
  const RopeParameters& rope = of.ropes.front();
  config["rope_theta"] = shortest(rope.theta);
  config["rope_scaling"] = scaling_of(of, rope);
  if (rope.scaling.kind == Kind::longrope) {
    config["original_max_position_embeddings"] = rope.scaling.original_max_position_embeddings;
  }
  const int64_t dims = rotary_dims(of, rope);
  if (dims != of.head_dim) {
    const double part = static_cast<double>(dims) / static_cast<double>(of.head_dim);
    config["partial_rotary_factor"] = part;
    if (config["rope_scaling"].is_object()) config["rope_scaling"]["partial_rotary_factor"] = part;
  }
  if (of.ropes.size() > 1) config["rope_local_base_freq"] = shortest(of.ropes[1].theta);
}

void add_layers(const Hyperparameters& of, Json& config) {
  if (of.kinds.empty()) {
    config["sliding_window"] = nullptr;
    return;
  }
  Json types = Json::array(), ropes = Json::array();
  int64_t window = 0;
  bool all_rope = true;
  for (const LayerKind& kind : of.kinds) {
    window = std::max(window, kind.window);
    types.push_back(kind.window > 0 ? "sliding_attention" : "full_attention");
    ropes.push_back(kind.rope < 0 ? 0 : 1);
    all_rope = all_rope && kind.rope >= 0;
  }
  config["sliding_window"] = window > 0 ? Json(window) : Json();
  config["layer_types"] = types;
  if (!all_rope) config["no_rope_layers"] = ropes;
}

void add_factors(const Hyperparameters& of, const Family& family, Json& config) {
  if (of.activation == nn::Activation::gelu_tanh) {
    const auto cap = [](double value) { return value != 0 ? Json(shortest(value)) : Json(); };
    const double scale = of.attention_scale != 0 ? of.attention_scale
                                                 : 1 / std::sqrt(static_cast<double>(of.head_dim));
    config["hidden_activation"] = config["hidden_act"] = "gelu_pytorch_tanh";
    config["query_pre_attn_scalar"] = std::llround(1 / (scale * scale));
    config["attn_logit_softcapping"] = cap(of.attention_soft_cap);
    config["final_logit_softcapping"] = cap(of.logit_soft_cap);
  } else if (family.name == std::string("granite")) {
    config["embedding_multiplier"] = shortest(of.embedding_scale);
    config["residual_multiplier"] = shortest(of.residual_scale);
    config["attention_multiplier"] = of.attention_scale != 0
                                         ? shortest(of.attention_scale)
                                         : 1 / std::sqrt(static_cast<double>(of.head_dim));
    config["logits_scaling"] = shortest(1 / of.logit_scale);
  }
}

Json token_ids(const Hyperparameters& of) {
  if (of.eos_token_ids.empty()) return nullptr;
  return of.eos_token_ids.size() == 1 ? Json(of.eos_token_ids.front()) : Json(of.eos_token_ids);
}

Json config_of(const Hyperparameters& of, const Family& family, const std::string& dtype) {
  Json config = {{"architectures", {family.hf_types.front().architecture}},
                 {"model_type", family.hf_types.front().type},
                 {"torch_dtype", dtype},
                 {"vocab_size", of.vocab_size},
                 {"hidden_size", of.hidden_size},
                 {"intermediate_size", of.intermediate_size},
                 {"num_hidden_layers", of.num_layers},
                 {"num_attention_heads", of.num_heads},
                 {"num_key_value_heads", of.num_kv_heads},
                 {"head_dim", of.head_dim},
                 {"hidden_act", "silu"},
                 {"max_position_embeddings", of.max_position_embeddings},
                 {"rms_norm_eps", shortest(of.rms_norm_eps)},
                 {"tie_word_embeddings", of.tie_word_embeddings},
                 {"attention_bias", of.attention_bias},
                 {"mlp_bias", of.mlp_bias},
                 {"pad_token_id", nullptr},
                 {"use_cache", true}};
  if (of.bos_token_id) config["bos_token_id"] = *of.bos_token_id;
  config["eos_token_id"] = token_ids(of);
  add_rope(of, config);
  add_layers(of, config);
  add_factors(of, family, config);
  return config;
}

Json generation_of(const Hyperparameters& of) {
  Json json = {{"eos_token_id", token_ids(of)}};
  if (of.bos_token_id) json["bos_token_id"] = *of.bos_token_id;
  return json;
}

/// What the family's reader says otherwise of the model; sets `norm_offset`.
std::string read_back(const Json& config, const Family& family, const Hyperparameters& of,
                      double& norm_offset) {
  try {
    const Hyperparameters read = family.read_hf(JsonObject(config, "config.json"));
    norm_offset = read.norm_offset;
    return differences(of, read);
  } catch (const UserError& error) {
    return error.what();
  }
}

}  // namespace

HfFiles hf_files(const Configuration& model, const format::Gguf& file, const std::string& dtype) {
  const std::string where = file.file()->path().string();
  if (file.find("rope_freqs.weight") != nullptr) {
    fail(where,
         "its rope_freqs.weight, frequencies of its own, are not said in config.json; "
         "expected a .gguf file to be written");
  }
  const std::string architecture = written_architecture(model);
  std::string problems;
  for (const Family& family : families()) {
    const char* const own = written_architecture({&family, {}});
    if (own == nullptr || own != architecture) continue;
    if (family.name == std::string("olmo3")) {  // transformers reads its two ropes otherwise
      problems += cat(problems.empty() ? "" : "; ", "as olmo3: its two ropes");
      continue;
    }
    const Json config = config_of(model.of, family, dtype);
    HfFiles files;
    const std::string other = read_back(config, family, model.of, files.norm_offset);
    if (!other.empty()) {
      problems += cat(problems.empty() ? "" : "; ", "as ", family.name, ": ", other);
      continue;
    }
    files.texts["config.json"] = pretty(config) + "\n";
    files.texts["generation_config.json"] = pretty(generation_of(model.of)) + "\n";
    return files;
  }
  fail(where, "config.json cannot say this model's options (here, there): ", problems,
       "; expected a .gguf file to be written");
}

}  // namespace matlora::model

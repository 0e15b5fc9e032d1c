// Key names: transformers' LlamaConfig.
#include <cmath>

#include "matlora/base/error.h"
#include "matlora/model/families/configs.h"

namespace matlora::model {
namespace {

using Kind = RopeScaling::Kind;

const Json kEmpty = Json::object();
const JsonObject kNothing(kEmpty, "config.json");  // of a rope that nothing describes

Kind scaling_kind(const JsonObject& config, const std::string& type) {
  if (type == "su") return Kind::longrope;  // as Phi-3 called it first
  for (const Kind kind : {Kind::linear, Kind::llama3, Kind::yarn, Kind::longrope}) {
    if (type == name(kind)) return kind;
  }
  if (type == "default") return Kind::none;
  fail(config.where(), "'rope_type': expected default, linear, llama3, yarn or longrope, got '",
       printable(type), "'");
}

std::vector<double> read_numbers(const JsonObject& json, const std::string& key) {
  const Json* list = json.find(key);
  if (!list) fail(json.where(), "'", key, "' is missing");
  std::vector<double> numbers;
  for (const Json& item : *list) {
    if (!list->is_array() || !item.is_number()) {
      fail(json.where(), "'", key, "': expected a list of numbers");
    }
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

void read_yarn(const JsonObject& rope, RopeScaling& scaling) {
  const double mscale = rope.number_or("mscale", 0), all = rope.number_or("mscale_all_dim", 0);
  const auto of = [&](double by) { return 1 + by * (yarn_attention_factor(scaling.factor) - 1); };
  const double usual = mscale != 0 && all != 0 ? of(mscale) / of(all) : of(1);
  scaling.attention_factor = rope.number_or("attention_factor", usual);
  scaling.beta_fast = rope.number_or("beta_fast", 32);
  scaling.beta_slow = rope.number_or("beta_slow", 1);
  scaling.truncate = rope.boolean_or("truncate", true);
}

void read_longrope(const JsonObject& rope, int64_t longest, RopeScaling& scaling) {
  const int64_t original = scaling.original_max_position_embeddings;
  const double ratio = static_cast<double>(longest) / static_cast<double>(original);
  scaling.attention_factor = rope.number_or(
      "attention_factor", longrope_attention_factor(rope.number_or("factor", ratio), original));
  scaling.short_factors = read_numbers(rope, "short_factor");
  scaling.long_factors = read_numbers(rope, "long_factor");
}

/// Of the object that describes a rope. `config` has what is outside it.
RopeScaling read_scaling(const JsonObject& config, const JsonObject& rope, int64_t longest) {
  RopeScaling scaling;
  scaling.kind =
      scaling_kind(config, rope.string_or("rope_type", rope.string_or("type", "default")));
  if (scaling.kind == Kind::none) return scaling;
  if (scaling.kind != Kind::longrope) scaling.factor = rope.number("factor");
  if (scaling.kind == Kind::linear) return scaling;
  const std::string key = "original_max_position_embeddings";
  scaling.original_max_position_embeddings =
      config.find(key)               ? config.integer(key, 1, kMaxPositions)
      : scaling.kind == Kind::llama3 ? rope.integer(key, 1, kMaxPositions)
                                     : rope.integer_or(key, longest, 1, kMaxPositions);
  if (scaling.kind == Kind::yarn) read_yarn(rope, scaling);
  if (scaling.kind == Kind::longrope) read_longrope(rope, longest, scaling);
  if (scaling.kind != Kind::llama3) return scaling;
  scaling.low_freq_factor = rope.number("low_freq_factor");
  scaling.high_freq_factor = rope.number("high_freq_factor");
  return scaling;
}

/// `rope`: the object that describes it. theta: where that does not say.
RopeParameters read_rope(const JsonObject& config, const JsonObject& rope, double theta,
                         const HfDefaults& defaults, const Hyperparameters& of) {
  RopeParameters result;
  result.theta = rope.number_or("rope_theta", theta);
  const double part =
      rope.number_or("partial_rotary_factor", config.number_or("partial_rotary_factor", 1));
  if (part != 1 && !defaults.partial_rotary) {
    fail(config.where(), "'partial_rotary_factor': partial rotary embeddings are not supported");
  }
  if (part <= 0 || part > 1) {
    fail(config.where(), "'partial_rotary_factor': expected a number in 0..1, got ", part);
  }
  if (part != 1) result.dims = static_cast<int64_t>(static_cast<double>(of.head_dim) * part);
  result.scaling = read_scaling(config, rope, of.max_position_embeddings);
  return result;
}

/// The key of the object that describes rope: transformers 5 calls it rope_parameters, 4
/// rope_scaling; "" when there is none.
std::string rope_key(const JsonObject& config) {
  if (config.find("rope_parameters")) return "rope_parameters";
  return config.find("rope_scaling") ? "rope_scaling" : "";
}

int64_t read_size(const JsonObject& config, const std::string& key, int64_t fallback) {
  return fallback == 0 ? config.integer(key, 1, kMaxSize)
                       : config.integer_or(key, fallback, 1, kMaxSize);
}

Hyperparameters read_plain_sizes(const JsonObject& config, const HfDefaults& defaults) {
  Hyperparameters of;
  of.vocab_size = read_size(config, "vocab_size", defaults.vocab_size);
  of.hidden_size = read_size(config, "hidden_size", defaults.hidden_size);
  of.intermediate_size = read_size(config, "intermediate_size", defaults.intermediate_size);
  of.num_layers = read_size(config, "num_hidden_layers", defaults.num_layers);
  of.num_heads = read_size(config, "num_attention_heads", defaults.num_heads);
  const bool null = config.value().contains("num_key_value_heads") || defaults.num_kv_heads == 0;
  of.num_kv_heads = config.integer_or("num_key_value_heads",
                                      null ? of.num_heads : defaults.num_kv_heads, 1, kMaxSize);
  of.head_dim = config.find("head_dim") || defaults.head_dim != 0
                    ? config.integer_or("head_dim", defaults.head_dim, 1, kMaxSize)
                    : default_head_dim(of, config.where());
  of.max_position_embeddings = config.integer_or(
      "max_position_embeddings", defaults.max_position_embeddings, 1, kMaxPositions);
  of.rms_norm_eps = config.number_or("rms_norm_eps", defaults.rms_norm_eps);
  of.tie_word_embeddings = config.boolean_or("tie_word_embeddings", defaults.tie_word_embeddings);
  return of;
}

}  // namespace

double yarn_attention_factor(double factor) { return factor <= 1 ? 1 : 1 + 0.1 * std::log(factor); }

double longrope_attention_factor(double factor, int64_t original_length) {
  if (factor <= 1) return 1;
  return std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original_length)));
}

void expect_activation(const JsonObject& config, const std::string& expected,
                       const std::string& key) {
  const std::string activation = config.string_or(key, expected);
  if (activation != expected) {
    fail(config.where(), "'", key, "': expected ", expected, ", got '", printable(activation), "'");
  }
}

double read_optional_number(const JsonObject& config, const std::string& key, double fallback) {
  return config.value().contains(key) ? config.number_or(key, 0) : fallback;
}

int64_t read_window(const JsonObject& config, int64_t fallback) {
  if (!config.value().contains("sliding_window")) return fallback;
  return config.find("sliding_window") ? config.integer("sliding_window", 1, kMaxPositions) : 0;
}

void read_hf_biases(const JsonObject& config, Hyperparameters& of) {
  of.attention_bias = of.attention_output_bias = config.boolean_or("attention_bias", false);
  of.mlp_bias = config.boolean_or("mlp_bias", false);
}

std::vector<bool> read_sliding_layers(const JsonObject& config, int64_t layers,
                                      const std::function<bool(int64_t)>& fallback) {
  std::vector<bool> sliding;
  if (!config.find("layer_types")) {
    for (int64_t i = 0; i < layers; ++i) sliding.push_back(fallback(i));
    return sliding;
  }
  for (const std::string& type : config.strings("layer_types")) {
    if (type != "full_attention" && type != "sliding_attention") {
      fail(config.where(), "'layer_types': expected full_attention and sliding_attention, got '",
           printable(type), "'");
    }
    sliding.push_back(type == "sliding_attention");
  }
  if (static_cast<int64_t>(sliding.size()) != layers) {
    fail(config.where(), "'layer_types': expected ", layers, " (num_hidden_layers), got ",
         sliding.size());
  }
  return sliding;
}

void set_sliding(const std::vector<bool>& sliding, int64_t window, int32_t rope,
                 Hyperparameters& of) {
  of.kinds.resize(sliding.size());
  for (size_t i = 0; i < sliding.size(); ++i) {
    if (sliding[i]) of.kinds[i] = {window, rope};
  }
}

Hyperparameters read_hf_sizes(const JsonObject& config, const HfDefaults& defaults) {
  Hyperparameters of = read_plain_sizes(config, defaults);
  const double theta = config.number_or("rope_theta", defaults.rope_theta);
  const std::string key = rope_key(config);
  of.ropes = {read_rope(config, key.empty() ? kNothing : config.object(key), theta, defaults, of)};
  return of;
}

Hyperparameters read_hf_sizes_of_two_ropes(const JsonObject& config, const HfDefaults& defaults,
                                           const std::string& local_theta_key, double local_theta) {
  Hyperparameters of = read_plain_sizes(config, defaults);
  const std::string key = rope_key(config);
  const JsonObject rope = key.empty() ? kNothing : config.object(key);
  const bool both = rope.find("full_attention") || rope.find("sliding_attention");
  const auto part = [&](const char* kind) {
    return rope.find(kind) ? rope.object(kind) : kNothing;
  };
  const double theta = config.number_or("rope_theta", defaults.rope_theta);
  const double local = config.number_or(local_theta_key, local_theta);
  of.ropes = {read_rope(config, both ? part("full_attention") : rope, theta, defaults, of),
              read_rope(config, both ? part("sliding_attention") : kNothing, local, defaults, of)};
  return of;
}

}  // namespace matlora::model

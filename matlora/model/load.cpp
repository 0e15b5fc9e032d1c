#include "matlora/model/load.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/hash.h"
#include "matlora/base/json.h"
#include "matlora/format/gguf.h"
#include "matlora/format/path_kind.h"
#include "matlora/model/tensors.h"
#include "matlora/model/weights.h"
#include "matlora/text/load/gguf_specials.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;

/// Of a single file of a HF directory: what to give in its place.
std::string place_of(const fs::path& file) {
  const fs::path directory = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (!fs::exists(directory / "config.json")) return "";
  return cat("; give its directory ", directory.string());
}

bool is_gguf(const fs::path& path) {
  if (!fs::exists(path)) {
    fail(path.string(), "no such model; expected a HF directory or a .gguf file");
  }
  if (fs::is_directory(path)) {
    if (fs::exists(path / "config.json")) return false;
    fail(path.string(),
         "not a model: no config.json; expected a HF directory or a .gguf file, got ",
         format::what_is(path));
  }
  if (path.extension() == ".gguf") return true;
  format::refuse_pickled_weights(path);
  fail(path.string(), "not a model; expected a HF directory or a .gguf file, got ",
       format::what_is(path), place_of(path));
}

text::GgufVocabulary gguf_vocabulary(const format::Gguf& file) {
  text::GgufVocabulary vocabulary;
  vocabulary.where = file.file()->path().string();
  vocabulary.model = file.string("tokenizer.ggml.model");
  vocabulary.pre = file.string_or("tokenizer.ggml.pre", "default");
  vocabulary.tokens = file.strings("tokenizer.ggml.tokens");
  if (file.has("tokenizer.ggml.token_type")) {
    vocabulary.token_types = file.integers("tokenizer.ggml.token_type");
  }
  if (vocabulary.model == "gpt2") vocabulary.merges = file.strings("tokenizer.ggml.merges");
  const auto last = static_cast<int64_t>(vocabulary.tokens.size()) - 1;
  const auto id = [&](const std::string& name) -> std::optional<int64_t> {
    const std::string key = "tokenizer.ggml." + name + "_token_id";
    return file.has(key) ? std::optional(file.integer(key, 0, last)) : std::nullopt;
  };
  vocabulary.bos_token_id = id("bos");
  vocabulary.eos_token_id = id("eos");
  vocabulary.eot_token_id = id("eot");
  vocabulary.eom_token_id = id("eom");
  vocabulary.fim_pad_token_id = id("fim_pad");
  vocabulary.fim_rep_token_id = id("fim_rep");
  vocabulary.fim_sep_token_id = id("fim_sep");
  const auto flag = [&](const std::string& name) -> std::optional<bool> {
    const std::string key = "tokenizer.ggml.add_" + name + "_token";
    return file.has(key) ? std::optional(file.boolean_or(key, false)) : std::nullopt;
  };
  vocabulary.add_bos = flag("bos");
  vocabulary.add_eos = flag("eos");
  return vocabulary;
}

/// Of shapes and all numbers, as float32: a hash of the hashes of blocks, made on all threads.
class Digest {
 public:
  void add(const at::Tensor& tensor) {
    constexpr int64_t kBlock = 1 << 18;  // numbers
    const at::Tensor flat = tensor.reshape(-1);
    const int64_t blocks = (flat.numel() + kBlock - 1) / kBlock;
    const size_t first = hashes_.size();
    hashes_.resize(first + static_cast<size_t>(blocks));
    at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t last = std::min(flat.numel(), (i + 1) * kBlock);
        const at::Tensor block = flat.slice(0, i * kBlock, last).to(at::kFloat).contiguous();
        hashes_[first + static_cast<size_t>(i)] =
            hash_bytes({static_cast<const std::byte*>(block.const_data_ptr()), block.nbytes()});
      }
    });
    hashes_.push_back(hash_bytes(std::as_bytes(std::span(tensor.sizes()))));
  }

  std::string text() const { return hash_text(hash_bytes(std::as_bytes(std::span(hashes_)))); }

 private:
  std::vector<Hash> hashes_;
};

/// A linear layer's weight that stays in its file.
class FileWeight : public nn::StoredWeight {
 public:
  FileWeight(std::shared_ptr<const WeightSource> source, std::string name, int64_t out, int64_t in)
      : StoredWeight(out, in), source_(std::move(source)), name_(std::move(name)) {}

  at::Tensor load() const override { return source_->copy(name_, {out(), in()}).to(at::kFloat); }

 private:
  std::shared_ptr<const WeightSource> source_;
  std::string name_;
};

/// Of the tensors, and where they come from.
struct Placing {
  at::ScalarType dtype;
  at::Device device;
  Weights weights;

  bool on_demand() const {
    return weights == Weights::on_demand && dtype == at::kFloat && device.is_cpu();
  }
};

/// Builds the modules of one model from a source of weights.
class Builder {
 public:
  Builder(std::shared_ptr<const WeightSource> source, const format::LlamaConfig& config,
          Placing placing)
      : source_(std::move(source)), config_(config), placing_(placing) {}

  nn::Decoder build(const std::vector<float>& frequencies) {
    const auto& c = config_;
    nn::Decoder model;
    model.num_heads = c.num_heads;
    model.num_kv_heads = c.num_kv_heads;
    model.head_dim = c.head_dim;
    model.rms_norm_eps = c.rms_norm_eps;
    model.embedding = tensor("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
    model.norm = tensor("model.norm.weight", {c.hidden_size});
    model.lm_head.weight = c.tie_word_embeddings
                               ? model.embedding
                               : tensor("lm_head.weight", {c.vocab_size, c.hidden_size});
    for (int64_t i = 0; i < c.num_layers; ++i) model.layers.push_back(layer(i));
    model.frequencies = at::tensor(frequencies, at::kFloat).to(placing_.device);
    return model;
  }

  /// Of all weights that build() took, as stored.
  std::string digest() const { return digest_.text(); }

 private:
  at::Tensor tensor(const std::string& name, const std::vector<int64_t>& shape) {
    const at::Tensor stored = source_->get(name, shape);
    digest_.add(stored);
    return stored.to(placing_.device, placing_.dtype);
  }

  nn::Linear linear(const std::string& name, int64_t out, int64_t in, bool bias) {
    const std::string weight = name + ".weight";
    nn::Linear result;
    if (placing_.on_demand()) {
      digest_.add(source_->get(weight, {out, in}));
      result.stored = std::make_shared<FileWeight>(source_, weight, out, in);
    } else {
      result.weight = tensor(weight, {out, in});
    }
    if (bias) result.bias = tensor(name + ".bias", {out});
    return result;
  }

  nn::DecoderLayer layer(int64_t index) {
    const auto& c = config_;
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
    const int64_t width = c.hidden_size, inner = c.intermediate_size;
    const int64_t queries = c.num_heads * c.head_dim, keys = c.num_kv_heads * c.head_dim;
    const bool bias = c.attention_bias;
    return {tensor(prefix + "input_layernorm.weight", {width}),
            tensor(prefix + "post_attention_layernorm.weight", {width}),
            linear(attention + "q_proj", queries, width, bias),
            linear(attention + "k_proj", keys, width, bias),
            linear(attention + "v_proj", keys, width, bias),
            linear(attention + "o_proj", width, queries, c.attention_output_bias),
            linear(mlp + "gate_proj", inner, width, c.mlp_bias),
            linear(mlp + "up_proj", inner, width, c.mlp_bias),
            linear(mlp + "down_proj", width, inner, c.mlp_bias)};
  }

  std::shared_ptr<const WeightSource> source_;
  const format::LlamaConfig& config_;
  Placing placing_;
  Digest digest_;
};

std::vector<float> frequencies(const format::LlamaConfig& config) {
  using Kind = format::RopeScaling::Kind;
  std::vector<float> result = nn::rope_frequencies(config.head_dim, config.rope_theta);
  const format::RopeScaling& scaling = config.rope_scaling;
  if (scaling.kind == Kind::linear) nn::scale_linear(result, scaling.factor);
  if (scaling.kind == Kind::llama3) {
    nn::scale_llama3(result, scaling.factor, scaling.low_freq_factor, scaling.high_freq_factor,
                     scaling.original_max_position_embeddings);
  }
  return result;
}

/// GGUF stores the llama3 scaling as divisors of the frequencies.
void divide_by_rope_factors(const format::Gguf& file, std::vector<float>& result) {
  const format::GgufTensor* tensor = file.find("rope_freqs.weight");
  if (!tensor) return;
  const std::string where = file.file()->path().string();
  if (tensor->type != format::GgmlType::f32 ||
      tensor->shape != std::vector<int64_t>{static_cast<int64_t>(result.size())}) {
    fail(where, "rope_freqs.weight: expected ", result.size(), " float32 numbers");
  }
  const at::Tensor factors =
      wrap({tensor->name, format::DType::f32, tensor->shape, tensor->bytes}, tensor->file);
  for (size_t i = 0; i < result.size(); ++i) {
    const float factor = factors.const_data_ptr<float>()[i];
    if (!(factor > 0)) fail(where, "rope_freqs.weight: expected positive numbers, got ", factor);
    result[i] /= factor;
  }
}

void check_token_ids(const Model& model, const std::string& where) {
  if (model.tokenizer.vocab_size() > model.config.vocab_size) {
    fail(where, "the tokenizer has the id ", model.tokenizer.vocab_size() - 1,
         ", outside the model's vocabulary of ", model.config.vocab_size);
  }
  const auto check_id = [&](const char* name, int64_t id) {
    if (id < 0 || id >= model.config.vocab_size) {
      fail(where, name, " ", id, " is outside the vocabulary of ", model.config.vocab_size);
    }
  };
  for (const int64_t id : model.config.eos_token_ids) check_id("eos_token_id", id);
  if (model.config.bos_token_id) check_id("bos_token_id", *model.config.bos_token_id);
}

Model load_gguf(const fs::path& path, Placing placing) {
  format::Gguf file = format::Gguf::open(path);
  format::LlamaConfig config = format::read_gguf_config(file);
  const text::GgufVocabulary vocabulary = gguf_vocabulary(file);
  text::Tokenizer tokenizer = text::Tokenizer::from_gguf(vocabulary);
  const std::vector<int32_t> ends = text::gguf_specials(vocabulary).ends;
  config.eos_token_ids.assign(ends.begin(), ends.end());
  std::vector<float> turns = frequencies(config);
  divide_by_rope_factors(file, turns);
  Builder builder(open_gguf_weights(std::move(file), config), config, placing);
  nn::Decoder decoder = builder.build(turns);
  return {path, std::move(decoder), config, std::move(tokenizer), {}, builder.digest()};
}

/// The id of tokenizer_config.json's eos_token, which is what ends an answer in training
/// (transformers' tokenizer.eos_token).
std::optional<int32_t> tokenizer_eos(const fs::path& directory, const text::Tokenizer& tokenizer) {
  const fs::path path = directory / "tokenizer_config.json";
  if (!is_there(path)) return std::nullopt;
  const Json json = read_json(path);
  const JsonObject config(json, path.string());
  const Json* value = config.find("eos_token");
  if (!value) return std::nullopt;
  const std::string token = value->is_object() ? config.object("eos_token").string("content")
                                               : config.string("eos_token");
  const auto id = tokenizer.token_id(token);
  if (!id) fail(path.string(), "eos_token '", printable(token), "' is not in the vocabulary");
  return id;
}

Model load_hf(const fs::path& path, Placing placing) {
  format::LlamaConfig config = format::read_hf_config(path);
  text::Tokenizer tokenizer = text::Tokenizer::from_json(path / "tokenizer.json");
  Builder builder(open_hf_weights(path), config, placing);
  nn::Decoder decoder = builder.build(frequencies(config));
  Model model{path, std::move(decoder), config, std::move(tokenizer), {}, builder.digest()};
  if (const auto eos = tokenizer_eos(path, model.tokenizer)) model.stop_ids.push_back(*eos);
  return model;
}

}  // namespace

Model load(const fs::path& path, at::ScalarType dtype, at::Device device, Weights weights) {
  const Placing placing{dtype, device, weights};
  Model model = is_gguf(path) ? load_gguf(path, placing) : load_hf(path, placing);
  check_token_ids(model, path.string());
  for (const int64_t id : model.config.eos_token_ids) {
    const auto stop = static_cast<int32_t>(id);
    auto& known = model.stop_ids;
    if (std::find(known.begin(), known.end(), stop) == known.end()) known.push_back(stop);
  }
  return model;
}

text::Tokenizer load_tokenizer(const fs::path& path) {
  if (!is_gguf(path)) return text::Tokenizer::from_json(path / "tokenizer.json");
  return text::Tokenizer::from_gguf(gguf_vocabulary(format::Gguf::open(path)));
}

}  // namespace matlora::model

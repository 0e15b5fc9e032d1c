#include "matlora/model/load.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/format/gguf.h"
#include "matlora/format/path_kind.h"
#include "matlora/model/families/configs.h"
#include "matlora/model/families/ropes.h"
#include "matlora/model/gguf_tokenizer.h"
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

/// GGUF stores the llama3 scaling as divisors of the frequencies.
void divide_by_rope_factors(const format::Gguf& file, const nn::Rope& rope) {
  const format::GgufTensor* tensor = file.find("rope_freqs.weight");
  if (!tensor) return;
  const std::string where = file.file()->path().string();
  const int64_t count = rope.frequencies.size(0);
  if (tensor->type != format::GgmlType::f32 || tensor->shape != std::vector<int64_t>{count}) {
    fail(where, "rope_freqs.weight: expected ", count, " float32 numbers");
  }
  float* frequencies = rope.frequencies.mutable_data_ptr<float>();
  for (const double factor : read_gguf_numbers(file, tensor->name)) {
    if (!(factor > 0)) fail(where, "rope_freqs.weight: expected positive numbers, got ", factor);
    *frequencies++ /= static_cast<float>(factor);
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

Model load_gguf(const fs::path& path, Placing placing, std::span<const Family> known) {
  format::Gguf file = format::Gguf::open(path);
  Configuration config = read_gguf_configuration(file, known);
  const text::GgufVocabulary vocabulary = gguf_vocabulary(file);
  text::Tokenizer tokenizer = text::Tokenizer::from_gguf(vocabulary);
  const std::vector<int32_t> ends = text::gguf_specials(vocabulary).ends;
  config.of.eos_token_ids.assign(ends.begin(), ends.end());
  const std::vector<nn::Rope> ropes = make_ropes(config.of);
  divide_by_rope_factors(file, ropes.front());
  Loader loader(open_gguf_weights(std::move(file), config), placing);
  nn::Decoder decoder = loader.build(*config.family, config.of, ropes);
  return {path, std::move(decoder), config.of, std::move(tokenizer), {}, loader.digest()};
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

Model load_hf(const fs::path& path, Placing placing, std::span<const Family> known) {
  const Configuration config = read_hf_configuration(path, known);
  text::Tokenizer tokenizer = text::Tokenizer::from_json(path / "tokenizer.json");
  Loader loader(open_hf_weights(path), placing);
  nn::Decoder decoder = loader.build(*config.family, config.of, make_ropes(config.of));
  Model model{path, std::move(decoder), config.of, std::move(tokenizer), {}, loader.digest()};
  if (const auto eos = tokenizer_eos(path, model.tokenizer)) model.stop_ids.push_back(*eos);
  return model;
}

}  // namespace

Model load(const fs::path& path, at::ScalarType dtype, at::Device device, Weights weights,
           std::span<const Family> known) {
  const Placing placing{dtype, device, weights};
  Model model = is_gguf(path) ? load_gguf(path, placing, known) : load_hf(path, placing, known);
  check_token_ids(model, path.string());
  for (const int64_t id : model.config.eos_token_ids) {
    const auto stop = static_cast<int32_t>(id);
    auto& stops = model.stop_ids;
    if (std::find(stops.begin(), stops.end(), stop) == stops.end()) stops.push_back(stop);
  }
  return model;
}

Configuration read_configuration(const fs::path& path) {
  return is_gguf(path) ? read_gguf_configuration(format::Gguf::open(path))
                       : read_hf_configuration(path);
}

text::Tokenizer load_tokenizer(const fs::path& path) {
  if (!is_gguf(path)) return text::Tokenizer::from_json(path / "tokenizer.json");
  return text::Tokenizer::from_gguf(gguf_vocabulary(format::Gguf::open(path)));
}

}  // namespace matlora::model

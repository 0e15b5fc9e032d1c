#include "matlora/model/merge_plan.h"

#include <array>
#include <cstdio>
#include <set>

#include "matlora/base/file.h"
#include "matlora/model/families/gguf_keys.h"
#include "matlora/model/families/hf_writer.h"
#include "matlora/model/families/tensor_list.h"
#include "matlora/model/gguf_tokenizer.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;
using format::GgmlType;

/// What belongs to a HF directory besides config.json and the weights.
constexpr std::array kCopied = {"generation_config.json",
                                "tokenizer.json",
                                "tokenizer_config.json",
                                "tokenizer.model",
                                "special_tokens_map.json",
                                "added_tokens.json",
                                "vocab.json",
                                "merges.txt",
                                "chat_template.jinja",
                                "chat_template.json",
                                "preprocessor_config.json",
                                "processor_config.json"};

const char* torch_name(GgmlType type) {
  if (type == GgmlType::f16) return "float16";
  return type == GgmlType::bf16 ? "bfloat16" : "float32";
}

/// config.json with the dtype that is written, its keys in their order.
std::string config_of(const fs::path& directory, GgmlType type) {
  const fs::path path = directory / "config.json";
  read_json(path);  // refuses what the parser below would take
  auto config = nlohmann::ordered_json::parse(read_file(path));
  const auto set = [&](nlohmann::ordered_json& part) {
    if (part.contains("dtype")) part["dtype"] = torch_name(type);
    if (part.contains("torch_dtype")) part["torch_dtype"] = torch_name(type);
  };
  config["torch_dtype"] = torch_name(type);
  set(config);
  for (const char* part : {"text_config", "vision_config"}) {
    if (config.contains(part) && config[part].is_object()) set(config[part]);
  }
  return config.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// Tensors in order, a new file where one would become larger than that.
std::vector<MergedShard> shards_of(std::vector<MergedTensor> tensors, uint64_t limit) {
  std::vector<MergedShard> shards(1);
  uint64_t bytes = 0;
  for (MergedTensor& tensor : tensors) {
    if (bytes + tensor.bytes() > limit && !shards.back().tensors.empty()) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += tensor.bytes();
    shards.back().tensors.push_back(std::move(tensor));
  }
  shards.front().name = "model.safetensors";
  for (size_t i = 0; shards.size() > 1 && i < shards.size(); ++i) {
    std::array<char, 64> name{};
    std::snprintf(name.data(), name.size(), "model-%05zu-of-%05zu.safetensors", i + 1,
                  shards.size());
    shards[i].name = name.data();
  }
  return shards;
}

/// All of the source's tensors under their own names.
std::vector<MergedTensor> same_tensors(const MergeSource& source, GgmlType type, bool to_gguf) {
  std::vector<MergedTensor> tensors;
  for (const SourceTensor& one : source.tensors()) {
    MergedTensor tensor{one.name, &one, one.shape};
    if (!one.type || (to_gguf && one.plain.empty())) {
      tensor.type = one.type.value_or(GgmlType::f32);
      tensor.copied = true;
    } else {
      tensor.type = to_gguf ? gguf_type(one.shape, type) : type;
      tensor.copied = tensor.type == *one.type;
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

/// The model's own tensors under the other form's names. offset: added to norms.
std::vector<MergedTensor> renamed_tensors(const MergeSource& source, GgmlType type, bool to_gguf,
                                          double offset) {
  const Configuration& model = source.configuration();
  std::vector<MergedTensor> tensors;
  for (const TensorShape& one : tensors_of(model)) {
    const SourceTensor* const from = source.find(one.name);
    MergedTensor tensor{to_gguf ? model.family->gguf_name(one.name) : one.name, from, one.shape};
    tensor.type = to_gguf ? gguf_type(one.shape, type) : type;
    if (one.is_norm()) tensor.offset = offset;
    tensor.copied =
        tensor.type == *from->type && tensor.offset == 0 && !moves_rows(one.name, model);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

/// A file's pairs but for what is of its own form: parts, alignment, dtype.
format::GgufPairs copied_pairs(const format::Gguf& file, GgmlType type) {
  format::GgufPairs pairs;
  for (const auto& [key, bytes] : file.stored()) {
    const bool other = key.starts_with("split.") || key == "general.alignment";
    if (other || key == "general.file_type" || key == "general.quantization_version") continue;
    pairs.stored(key, bytes);
  }
  return pairs.u32("general.file_type", file_type_of(type)).u32("general.quantization_version", 2);
}

}  // namespace

GgmlType gguf_type(const std::vector<int64_t>& shape, GgmlType type) {
  if (shape.size() < 2) return GgmlType::f32;
  const auto row = static_cast<uint64_t>(shape.back());
  return row % format::block_items(type) == 0 ? type : GgmlType::f16;
}

std::vector<std::string> MergedFiles::names() const {
  std::set<std::string> names;
  for (const MergedShard& shard : shards) names.insert(shard.name);
  if (shards.size() > 1) names.insert("model.safetensors.index.json");
  for (const auto& [name, text] : texts) names.insert(name);
  for (const auto& [name, from] : copies) names.insert(name);
  return {names.begin(), names.end()};
}

MergedFiles plan_directory(const MergeSource& source, GgmlType type, uint64_t shard_bytes) {
  MergedFiles files;
  if (source.gguf()) {
    const HfFiles written = hf_files(source.configuration(), *source.gguf(), torch_name(type));
    files.texts = written.texts;
    for (auto& [name, text] : tokenizer_files(*source.gguf())) files.texts[name] = text;
    files.shards = shards_of(renamed_tensors(source, type, /*to_gguf=*/false, -written.norm_offset),
                             shard_bytes);
    return files;
  }
  files.texts["config.json"] = config_of(source.path(), type);
  for (const char* name : kCopied) {
    if (fs::is_regular_file(source.path() / name)) files.copies[name] = source.path() / name;
  }
  files.shards = shards_of(same_tensors(source, type, /*to_gguf=*/false), shard_bytes);
  return files;
}

MergedFiles plan_gguf(const MergeSource& source, GgmlType type) {
  MergedFiles files;
  const Configuration& model = source.configuration();
  files.rows = &model;
  if (source.gguf()) {
    files.pairs = copied_pairs(*source.gguf(), type);
    files.shards = {{"", same_tensors(source, type, /*to_gguf=*/true)}};
    return files;
  }
  GgufKeys keys = gguf_keys(model, source.path());
  keys.pairs.u32("general.file_type", file_type_of(type)).u32("general.quantization_version", 2);
  add_tokenizer(source.path(), model.of, keys.pairs);
  check_gguf_keys(model, keys, source.path());
  files.pairs = std::move(keys.pairs);
  files.shards = {{"", renamed_tensors(source, type, /*to_gguf=*/true, model.of.norm_offset)}};
  for (auto& [name, values] : keys.tensors) {
    MergedTensor tensor{name, nullptr, {static_cast<int64_t>(values.size())}};
    tensor.type = GgmlType::f32;
    tensor.values = std::move(values);
    files.shards.front().tensors.push_back(std::move(tensor));
  }
  return files;
}

}  // namespace matlora::model

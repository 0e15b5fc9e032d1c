#include <algorithm>
#include <iostream>
#include <memory>
#include <numeric>
#include <set>
#include <type_traits>
#include <variant>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/base/output.h"
#include "matlora/cli/command.h"
#include "matlora/format/gguf.h"
#include "matlora/format/path_kind.h"
#include "matlora/format/safetensors.h"
#include "matlora/format/torch_file.h"
#include "matlora/model/families/family.h"

namespace matlora::cli {
namespace {

// Every kind of path becomes one JSON document; the human form is made from it.

/// Sums over the tensors, and the list of them.
class TensorList {
 public:
  void add(const std::string& name, const std::string& dtype, const std::vector<int64_t>& shape) {
    int64_t items = 1;
    for (const int64_t n : shape) items *= n;
    parameters_ += items;
    Json& sum = dtypes_[dtype];
    if (sum.is_null()) sum = {{"tensors", 0}, {"parameters", 0}};
    sum["tensors"] = sum["tensors"].get<int64_t>() + 1;
    sum["parameters"] = sum["parameters"].get<int64_t>() + items;
    list_.push_back({{"name", name}, {"dtype", dtype}, {"shape", shape}});
  }

  void add(const std::vector<format::TensorView>& tensors) {
    for (const format::TensorView& tensor : tensors) {
      add(tensor.name, format::dtype_name(tensor.dtype), tensor.shape);
    }
  }

  void add(const format::Gguf& file) {
    for (const format::GgufTensor& tensor : file.tensors()) {
      add(tensor.name, format::ggml_type_name(tensor.type), tensor.shape);
    }
  }

  /// The file of an adapter's matrices.
  void add_file(const fs::path& path) {
    if (path.extension() == ".safetensors") return add(format::Safetensors::open(path).tensors());
    if (format::begins_as_torch_file(path)) return add(format::TorchFile::open(path).tensors());
    add(format::Gguf::open(path));
  }

  void put_into(Json& document) const {
    document["parameters"] = parameters_;
    document["dtypes"] = dtypes_;
    document["tensors"] = list_;
  }

 private:
  int64_t parameters_ = 0;
  Json dtypes_ = Json::object(), list_ = Json::array();
};

Json describe(const model::Hyperparameters& config) {
  using Kind = model::RopeScaling::Kind;
  const model::RopeScaling& rope = config.ropes[0].scaling;
  Json scaling = {{"type", model::name(rope.kind)}};
  if (rope.kind != Kind::none && rope.kind != Kind::longrope) scaling["factor"] = rope.factor;
  Json json = {{"vocab_size", config.vocab_size},
               {"hidden_size", config.hidden_size},
               {"intermediate_size", config.intermediate_size},
               {"num_layers", config.num_layers},
               {"num_heads", config.num_heads},
               {"num_kv_heads", config.num_kv_heads},
               {"head_dim", config.head_dim},
               {"max_position_embeddings", config.max_position_embeddings},
               {"rms_norm_eps", config.rms_norm_eps},
               {"rope_theta", config.ropes[0].theta},
               {"rope_scaling", scaling},
               {"tie_word_embeddings", config.tie_word_embeddings},
               {"attention_bias", config.attention_bias},
               {"mlp_bias", config.mlp_bias},
               {"eos_token_ids", config.eos_token_ids}};
  if (config.bos_token_id) json["bos_token_id"] = *config.bos_token_id;
  if (!config.left_out.empty()) json["left_out"] = config.left_out;
  return json;
}

/// The files that hold the weights of a HF directory.
std::set<std::string> weight_files(const fs::path& directory) {
  const fs::path index = directory / "model.safetensors.index.json";
  if (is_there(directory / "model.safetensors") || !is_there(index)) {
    return {"model.safetensors"};
  }
  const Json json = read_json(index);
  const JsonObject map = JsonObject(json, index.string()).object("weight_map");
  std::set<std::string> files;
  for (const auto& [name, value] : map.value().items()) {
    const std::string file = map.string(name);
    if (fs::path(file).filename() != file) {
      fail(index.string(), "'weight_map': expected a file in its directory, got ", printable(file));
    }
    files.insert(file);
  }
  return files;
}

Json inspect_hf_model(const fs::path& path) {
  const model::Configuration config = model::read_hf_configuration(path);
  Json document = {{"kind", "hf_model"}, {"architecture", config.family->name}};
  document["config"] = describe(config.of);
  const std::set<std::string> files = weight_files(path);
  document["files"] = files;
  TensorList tensors;
  for (const std::string& file : files)
    tensors.add(format::Safetensors::open(path / file).tensors());
  tensors.put_into(document);
  return document;
}

Json inspect_safetensors(const fs::path& path) {
  const format::Safetensors file = format::Safetensors::open(path);
  Json document = {{"kind", "safetensors"}, {"metadata", file.metadata()}};
  TensorList tensors;
  tensors.add(file.tensors());
  tensors.put_into(document);
  return document;
}

/// A metadata value; of an array only its length, which may be a whole vocabulary's.
Json describe(const format::GgufValue& value) {
  return std::visit(
      [](const auto& held) -> Json {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (requires { held.size(); } && !std::is_same_v<Held, std::string>) {
          return {{"length", held.size()}};
        } else {
          return held;
        }
      },
      value);
}

Json inspect_gguf(const fs::path& path) {
  const format::Gguf file = format::Gguf::open(path);
  Json document = {{"kind", "gguf"}, {"version", file.version()}};
  document["architecture"] = file.string_or("general.architecture", "");
  if (model::knows_gguf(file) && file.string_or("general.type", "model") == "model") {
    document["config"] = describe(model::read_gguf_configuration(file).of);
  }
  document["metadata"] = Json::object();
  for (const auto& [key, value] : file.metadata()) document["metadata"][key] = describe(value);
  TensorList tensors;
  tensors.add(file);
  tensors.put_into(document);
  return document;
}

/// All of them; of more than any adapter has in earnest, the powers of two and the last one.
std::vector<int64_t> shown_ranks(int64_t rank) {
  constexpr int64_t kMost = 4096;
  std::vector<int64_t> ranks(static_cast<size_t>(std::min(rank, kMost)));
  std::iota(ranks.begin(), ranks.end(), int64_t{1});
  if (rank <= kMost) return ranks;
  ranks = adapter::powers_of_two(rank);
  if (ranks.back() != rank) ranks.push_back(rank);
  return ranks;
}

Json inspect_adapter(const fs::path& path) {
  const model::LoadedAdapter loaded = model::peek_adapter(path);
  say_notes(loaded, model::missing_layers(loaded.targets, loaded.adapter.layers));
  const adapter::Adapter& adapter = loaded.adapter;
  const adapter::GateRule& rule = adapter.rule;
  Json document = {{"kind", loaded.format + "_adapter"},
                   {"method", adapter::name(rule.method)},
                   {"rank", rule.rank},
                   {"scaling", adapter::name(rule.scaling)},
                   {"alpha", rule.alpha},
                   {"train_ranks", rule.train_ranks},
                   {"inference_gate", adapter::name(adapter.inference_gate)},
                   {"base_model", loaded.info.base_model},
                   {"base_name", loaded.info.base_name},
                   {"base_digest", loaded.info.base_digest}};
  if (rule.method != adapter::Method::lora && rule.method != adapter::Method::custom) {
    document["mask"] = adapter::name(rule.mask);
  }
  document["layers"] = Json::array();
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    document["layers"].push_back(layer.layer);
  }
  document["ranks"] = Json::array();
  for (const int64_t k : shown_ranks(rule.rank)) {
    document["ranks"].push_back(
        {{"rank", k}, {"scale", adapter::scale(rule, k)}, {"parameters", adapter.parameters(k)}});
  }
  if (!loaded.architecture.empty()) document["architecture"] = loaded.architecture;
  TensorList tensors;
  tensors.add_file(loaded.file);
  tensors.put_into(document);
  return document;
}

bool is_gguf_of_lora(const fs::path& path) {
  return format::Gguf::open(path).string_or("general.type", "model") == "adapter";
}

Json inspect_path(const fs::path& path) {
  if (!fs::exists(path)) fail(path.string(), "no such file or directory");
  if (fs::is_directory(path)) {
    finish_commit(path);
    if (is_there(path / "adapter_config.json")) return inspect_adapter(path);
    if (is_there(path / "config.json")) return inspect_hf_model(path);
    fail(path.string(), "neither a model nor an adapter: no config.json, no adapter_config.json; ",
         "got ", format::what_is(path));
  }
  if (path.extension() == ".gguf") {
    return is_gguf_of_lora(path) ? inspect_adapter(path) : inspect_gguf(path);
  }
  if (path.extension() == ".pt" || path.extension() == ".pth") return inspect_adapter(path);
  if (path.extension() == ".safetensors") return inspect_safetensors(path);
  format::refuse_pickled_weights(path);
  fail(path.string(), "expected a directory, a .gguf or a .safetensors file, got ",
       format::what_is(path));
}

std::string text_of(const Json& value) {
  return printable(value.is_string() ? value.get<std::string>()
                                     : value.dump(-1, ' ', false, Json::error_handler_t::replace),
                   200);
}

void print_tensors(const Json& document, std::ostream& out) {
  out << "parameters: " << document["parameters"] << '\n';
  for (const auto& [dtype, sum] : document["dtypes"].items()) {
    out << "  " << dtype << ": " << sum["tensors"] << " tensors, " << sum["parameters"]
        << " parameters\n";
  }
  out << "tensors: " << document["tensors"].size() << '\n';
  for (const Json& tensor : document["tensors"]) {
    out << "  " << text_of(tensor["name"]) << "  " << tensor["dtype"].get<std::string>() << "  "
        << tensor["shape"].dump() << '\n';
  }
}

void print_ranks(const Json& ranks, std::ostream& out) {
  out << "ranks:\n";
  for (const Json& row : ranks) {
    out << "  " << row["rank"] << ": scale " << row["scale"] << ", " << row["parameters"]
        << " parameters\n";
  }
}

void print(const Json& document, std::ostream& out) {
  static const std::set<std::string> apart = {"parameters", "dtypes", "tensors", "ranks", "path"};
  out << text_of(document["path"]) << '\n' << "kind: " << text_of(document["kind"]) << '\n';
  for (const auto& [key, value] : document.items()) {
    if (apart.count(key) > 0 || key == "kind") continue;
    if (value.empty() || !(value.is_object() || key == "layers")) {
      out << key << ": " << text_of(value) << '\n';
    } else {
      out << key << ":\n";
      for (const auto& [name, part] : value.items()) {
        out << "  " << (value.is_array() ? "" : printable(name) + ": ") << text_of(part) << '\n';
      }
    }
  }
  if (document.contains("ranks")) print_ranks(document["ranks"], out);
  print_tensors(document, out);
}

class Inspect : public Command {
 public:
  std::string name() const override { return "inspect"; }
  std::string summary() const override {
    return "What a model, adapter, GGUF or safetensors file holds";
  }
  std::string example() const override { return "matlora inspect out/ --json"; }

  void add_options(CLI::App& app) override {
    app.add_option("path", path_,
                   "HF model directory, adapter directory, .gguf, .safetensors or .pt")
        ->required();
    app.add_flag("--json", json_, "Print JSON");
  }

  int run(const Common&, CLI::App&) override {
    Json document = inspect_path(path_);
    document["path"] = path_;
    if (json_) {
      std::cout << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
    } else {
      print(document, std::cout);
    }
    std::cout << std::flush;
    if (!std::cout) fail("stdout", "cannot be written");
    return 0;
  }

 private:
  std::string path_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_inspect() { return std::make_unique<Inspect>(); }

}  // namespace matlora::cli

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "matlora/base/error.h"
#include "matlora/format/dequantize.h"
#include "matlora/format/ggml_types.h"
#include "matlora/model/tensors.h"
#include "matlora/model/weights.h"

namespace matlora::model {
namespace {

struct Renamed {
  const char* hf;
  const char* gguf;
};

constexpr Renamed kModelNames[] = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}};
constexpr Renamed kLayerNames[] = {
    {"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},   {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},   {"self_attn.o_proj", "attn_output"},
    {"mlp.gate_proj", "ffn_gate"},    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"}};

/// Undoes the row order that the conversion to GGUF gives q and k, which pairs neighbours for rope:
/// within a head, row 2i + j of the file is row j·D/2 + i of transformers (llama.cpp,
/// convert_hf_to_gguf.py, `permute`). x: [H·D, ..]
at::Tensor unpermute(const at::Tensor& x, int64_t heads) {
  const int64_t half = x.size(0) / heads / 2;
  std::vector<int64_t> split{heads, half, 2};
  split.insert(split.end(), x.sizes().begin() + 1, x.sizes().end());
  return x.view(split).transpose(1, 2).reshape(x.sizes());
}

at::Tensor dequantized(const format::GgufTensor& tensor) {
  at::Tensor result = at::empty(tensor.shape, at::kFloat);
  float* out = result.mutable_data_ptr<float>();
  const size_t items = format::block_items(tensor.type), bytes = format::block_bytes(tensor.type);
  const auto blocks = tensor.items() / static_cast<int64_t>(items);
  at::parallel_for(0, blocks, 4096, [&](int64_t begin, int64_t end) {
    const auto first = static_cast<size_t>(begin), count = static_cast<size_t>(end - begin);
    format::dequantize(tensor.type, tensor.bytes.subspan(first * bytes, count * bytes),
                       {out + first * items, count * items});
  });
  return result;
}

class GgufWeights : public WeightSource {
 public:
  GgufWeights(format::Gguf file, format::LlamaConfig config)
      : file_(std::move(file)), config_(std::move(config)) {}

  bool has(const std::string& name) const override {
    return file_.find(gguf_name(name)) != nullptr;
  }

  at::Tensor get(const std::string& name, const std::vector<int64_t>& shape) const override {
    return in_order(name, in_place(find(name, shape)));
  }

  at::Tensor copy(const std::string& name, const std::vector<int64_t>& shape) const override {
    const format::GgufTensor& tensor = find(name, shape);
    at::Tensor value = dequantized(tensor);
    tensor.file->forget(tensor.bytes);
    return in_order(name, value);
  }

  std::string where() const override { return file_.file()->path().string(); }

 private:
  const format::GgufTensor& find(const std::string& name, const std::vector<int64_t>& shape) const {
    const format::GgufTensor* tensor = file_.find(gguf_name(name));
    if (!tensor) fail(where(), "tensor '", gguf_name(name), "' is missing");
    if (tensor->shape != shape) {
      fail(tensor->file->path().string(), tensor->name, ": expected shape ", shape_text(shape),
           " from the metadata, got ", shape_text(tensor->shape));
    }
    if (!format::can_dequantize(tensor->type)) {
      fail(where(), tensor->name, ": tensor type ", format::ggml_type_name(tensor->type),
           " is not supported; expected one of ", format::ggml_type_names());
    }
    return *tensor;
  }

  /// Rows as transformers has them.
  at::Tensor in_order(const std::string& name, const at::Tensor& value) const {
    if (name.find("q_proj") != std::string::npos) return unpermute(value, config_.num_heads);
    if (name.find("k_proj") != std::string::npos) return unpermute(value, config_.num_kv_heads);
    return value;
  }

  /// Float32 data as they lie in the file; anything else dequantised, once and for all.
  at::Tensor in_place(const format::GgufTensor& tensor) const {
    if (tensor.type == format::GgmlType::f32) {
      return wrap({tensor.name, format::DType::f32, tensor.shape, tensor.bytes}, tensor.file);
    }
    at::Tensor value = dequantized(tensor);
    tensor.file->forget(tensor.bytes);
    return value;
  }

  format::Gguf file_;
  format::LlamaConfig config_;
};

}  // namespace

std::string gguf_name(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return "";
  const std::string module = name.substr(0, dot), kind = name.substr(dot);  // ".weight", ".bias"
  for (const auto& [hf, gguf] : kModelNames) {
    if (module == hf) return gguf + kind;
  }
  const std::string prefix = "model.layers.";
  const size_t end = module.find('.', prefix.size());
  if (module.rfind(prefix, 0) != 0 || end == std::string::npos) return "";
  const std::string layer = module.substr(prefix.size(), end - prefix.size());
  for (const auto& [hf, gguf] : kLayerNames) {
    if (module.substr(end + 1) == hf) return "blk." + layer + "." + gguf + kind;
  }
  return "";
}

std::unique_ptr<WeightSource> open_gguf_weights(format::Gguf file, format::LlamaConfig config) {
  return std::make_unique<GgufWeights>(std::move(file), std::move(config));
}

}  // namespace matlora::model

#include <ATen/ATen.h>

#include "matlora/base/error.h"
#include "matlora/model/tensors.h"
#include "matlora/model/weights.h"

namespace matlora::model {
namespace {

class GgufWeights : public WeightSource {
 public:
  GgufWeights(format::Gguf file, Configuration config)
      : file_(std::move(file)), config_(std::move(config)) {}

  bool has(const std::string& name) const override {
    return file_.find(config_.family->gguf_name(name)) != nullptr;
  }

  at::Tensor get(const std::string& name, const std::vector<int64_t>& shape) const override {
    return as_stored(name, in_place(find(name, shape)));
  }

  at::Tensor copy(const std::string& name, const std::vector<int64_t>& shape) const override {
    const format::GgufTensor& tensor = find(name, shape);
    at::Tensor value = dequantized(tensor);
    tensor.file->forget(tensor.bytes);
    return as_stored(name, value);
  }

  std::string where() const override { return file_.file()->path().string(); }

 private:
  const format::GgufTensor& find(const std::string& name, const std::vector<int64_t>& shape) const {
    const format::GgufTensor* tensor = file_.find(config_.family->gguf_name(name));
    if (!tensor) fail(where(), "tensor '", config_.family->gguf_name(name), "' is missing");
    if (tensor->shape != shape) {
      fail(tensor->file->path().string(), tensor->name, ": expected shape ", shape_text(shape),
           " from the metadata, got ", shape_text(tensor->shape));
    }
    return *tensor;
  }

  /// As transformers stores it.
  at::Tensor as_stored(const std::string& name, const at::Tensor& value) const {
    const auto from_gguf = config_.family->from_gguf;
    return from_gguf ? from_gguf(name, value, config_.of) : value;
  }

  /// Float32 data as they are in the file; anything else dequantised, once and for all.
  at::Tensor in_place(const format::GgufTensor& tensor) const {
    if (tensor.type == format::GgmlType::f32) {
      return wrap({tensor.name, format::DType::f32, tensor.shape, tensor.bytes}, tensor.file);
    }
    at::Tensor value = dequantized(tensor);
    tensor.file->forget(tensor.bytes);
    return value;
  }

  format::Gguf file_;
  Configuration config_;
};

}  // namespace

std::unique_ptr<WeightSource> open_gguf_weights(format::Gguf file, Configuration config) {
  return std::make_unique<GgufWeights>(std::move(file), std::move(config));
}

}  // namespace matlora::model

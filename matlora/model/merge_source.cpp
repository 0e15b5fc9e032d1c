#include "matlora/model/merge_source.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "matlora/base/json.h"
#include "matlora/format/dequantize.h"
#include "matlora/format/path_kind.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/families/tensor_list.h"
#include "matlora/model/load.h"
#include "matlora/model/tensors.h"
#include "matlora/model/weights.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;

std::optional<format::GgmlType> type_of(format::DType dtype) {
  switch (dtype) {
    case format::DType::f32:
      return format::GgmlType::f32;
    case format::DType::f16:
      return format::GgmlType::f16;
    case format::DType::bf16:
      return format::GgmlType::bf16;
    default:
      return std::nullopt;
  }
}

at::Tensor dequantized(format::GgmlType type, std::span<const std::byte> bytes,
                       std::vector<int64_t> shape) {
  at::Tensor result = at::empty(shape, at::kFloat);
  float* const out = result.mutable_data_ptr<float>();
  const size_t items = format::block_items(type), size = format::block_bytes(type);
  at::parallel_for(0, result.numel() / static_cast<int64_t>(items), 4096,
                   [&](int64_t begin, int64_t end) {
                     const auto first = static_cast<size_t>(begin);
                     const auto count = static_cast<size_t>(end - begin);
                     format::dequantize(type, bytes.subspan(first * size, count * size),
                                        {out + first * items, count * items});
                   });
  return result;
}

}  // namespace

MergeSource::MergeSource(const fs::path& path) : path_(path) {
  configuration_ = read_configuration(path);
  fs::is_directory(path) ? read_directory() : read_gguf();
  for (const TensorShape& expected : tensors_of(configuration_)) {
    const SourceTensor* tensor = find(expected.name);
    if (!tensor) fail(path_.string(), "tensor '", expected.name, "' is missing");
    if (tensor->shape != expected.shape || !tensor->type) {
      fail(tensor->file->path().string(), tensor->name, ": expected float numbers of shape ",
           shape_text(expected.shape), ", got ", shape_text(tensor->shape));
    }
    if (!format::can_dequantize(*tensor->type)) {
      fail(tensor->file->path().string(), tensor->name, ": tensor type ",
           format::ggml_type_name(*tensor->type), " is not supported");
    }
  }
}

void MergeSource::add(SourceTensor tensor) {
  if (!tensor.plain.empty() && !by_plain_.emplace(tensor.plain, tensors_.size()).second) {
    fail(tensor.file->path().string(), "tensor '", printable(tensor.name), "' is there twice");
  }
  tensors_.push_back(std::move(tensor));
}

const SourceTensor* MergeSource::find(const std::string& plain) const {
  const auto found = by_plain_.find(plain);
  return found == by_plain_.end() ? nullptr : &tensors_[found->second];
}

void MergeSource::read_gguf() {
  gguf_ = format::Gguf::open(path_);
  std::map<std::string, std::string> plain;  // by the name in the file
  for (const TensorShape& tensor : tensors_of(configuration_)) {
    plain[configuration_.family->gguf_name(tensor.name)] = tensor.name;
  }
  for (const format::GgufTensor& tensor : gguf_->tensors()) {
    const auto own = plain.find(tensor.name);
    add({tensor.name,
         own == plain.end() ? "" : own->second,
         tensor.shape,
         tensor.type,
         {},
         tensor.bytes,
         tensor.file});
  }
}

void MergeSource::add_file(const fs::path& path) {
  const format::Safetensors file = format::Safetensors::open(path);
  for (const format::TensorView& view : file.tensors()) {
    add({view.name, plain_name(view.name), view.shape, type_of(view.dtype), view.dtype, view.bytes,
         file.file()});
  }
}

/// The files that HfWeights reads.
void MergeSource::read_directory() {
  open_hf_weights(path_);  // whole, and as its index says
  const fs::path index = path_ / "model.safetensors.index.json";
  if (is_there(path_ / "model.safetensors")) return add_file(path_ / "model.safetensors");
  const Json json = read_json(index);
  const JsonObject map = JsonObject(json, index.string()).object("weight_map");
  std::map<std::string, bool> shards;
  for (const auto& [key, value] : map.value().items()) shards[map.string(key)] = true;
  for (const auto& [shard, unused] : shards) add_file(path_ / shard);
}

at::Tensor MergeSource::rows(const SourceTensor& tensor, int64_t first, int64_t count) const {
  check(tensor.type.has_value(), "rows of ", tensor.name);
  const auto all = static_cast<size_t>(std::max<int64_t>(tensor.rows(), 1));
  const size_t row = tensor.bytes.size() / all;  // bytes
  const auto part =
      tensor.bytes.subspan(static_cast<size_t>(first) * row, static_cast<size_t>(count) * row);
  std::vector<int64_t> shape = tensor.shape;
  if (shape.size() > 1) shape.front() = count;
  at::Tensor result = dequantized(*tensor.type, part, std::move(shape));
  tensor.file->forget(part);
  return result;
}

}  // namespace matlora::model

// A merged tensor, some rows at a time.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "matlora/base/file.h"
#include "matlora/format/quantize.h"
#include "matlora/format/safetensors_writer.h"
#include "matlora/model/families/tensor_list.h"
#include "matlora/model/merge_plan.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;
using format::GgmlType;

constexpr int64_t kChunk = 1 << 22;  // numbers that are computed at once

using Sink = std::function<void(std::span<const std::byte>)>;

/// Rounded; false when a number is too large.
bool encode(GgmlType type, const at::Tensor& values, std::vector<std::byte>& out) {
  const at::Tensor flat = values.contiguous();
  const float* const numbers = flat.const_data_ptr<float>();
  const size_t items = format::block_items(type), bytes = format::block_bytes(type);
  const int64_t blocks = flat.numel() / static_cast<int64_t>(items);
  out.resize(static_cast<size_t>(blocks) * bytes);
  std::atomic<bool> fits = true;
  at::parallel_for(0, blocks, 4096, [&](int64_t begin, int64_t end) {
    const auto first = static_cast<size_t>(begin), count = static_cast<size_t>(end - begin);
    if (!format::quantize(type, {numbers + first * items, count * items},
                          std::span(out).subspan(first * bytes, count * bytes))) {
      fits = false;
    }
  });
  return fits;
}

class TensorWriter {
 public:
  TensorWriter(const MergeWork& work, const Configuration* rows, std::string where, Sink sink)
      : work_(work), rows_(rows), where_(std::move(where)), sink_(std::move(sink)) {}

  /// False: the work is to end.
  bool write(const MergedTensor& tensor) {
    if (tensor.source == nullptr) {
      put(std::as_bytes(std::span(tensor.values)));
      return step();
    }
    const auto slice = work_.slices.find(tensor.source->plain);
    const bool changed = slice != work_.slices.end();
    if (tensor.copied && !changed) return copy(*tensor.source);
    return compute(tensor, changed ? &slice->second : nullptr);
  }

 private:
  bool step() const { return !work_.step || work_.step(done_); }

  void put(std::span<const std::byte> bytes) {
    sink_(bytes);
    done_ += bytes.size();
  }

  bool copy(const SourceTensor& source) {
    constexpr size_t kPiece = 16 << 20;
    for (size_t begin = 0; begin < source.bytes.size(); begin += kPiece) {
      const auto piece = source.bytes.subspan(begin, std::min(kPiece, source.bytes.size() - begin));
      put(piece);
      source.file->forget(piece);
      if (!step()) return false;
    }
    return true;
  }

  bool compute(const MergedTensor& tensor, const adapter::LayerSlice* slice) {
    const SourceTensor& source = *tensor.source;
    // Rows in another order are computed all at once.
    const bool from =
        moved(source.plain, work_.source.gguf() ? &work_.source.configuration() : nullptr);
    const bool to = moved(source.plain, rows_);
    const int64_t all = source.rows();
    const int64_t width = std::max<int64_t>(static_cast<int64_t>(items(tensor)) / all, 1);
    const int64_t chunk = from || to ? all : std::clamp<int64_t>(kChunk / width, 1, all);
    for (int64_t first = 0; first < all; first += chunk) {
      const int64_t count = std::min(chunk, all - first);
      at::Tensor values = work_.source.rows(source, first, count);
      if (from) values = family().from_gguf(source.plain, values, work_.source.configuration().of);
      if (slice != nullptr) values = values + slice->change(first, count);
      if (tensor.offset != 0) values = values + tensor.offset;
      if (to) values = to_gguf_rows(source.plain, values, *rows_);
      if (!encode(tensor.type, values, buffer_)) fail_too_large(tensor);
      put(buffer_);
      if (!step()) return false;
    }
    if (slice != nullptr) adapter::forget(*slice->layer, work_.adapter_file);
    return true;
  }

  const Family& family() const { return *work_.source.configuration().family; }

  static bool moved(const std::string& plain, const Configuration* order) {
    return order != nullptr && !plain.empty() && moves_rows(plain, *order);
  }

  static size_t items(const MergedTensor& tensor) {
    size_t product = 1;
    for (const int64_t size : tensor.shape) product *= static_cast<size_t>(size);
    return product;
  }

  [[noreturn]] void fail_too_large(const MergedTensor& tensor) const {
    fail(where_, tensor.name, ": a number is too large for ", format::ggml_type_name(tensor.type),
         "; ", Field{"dtype"}, " bfloat16 or float32 holds it");
  }

  const MergeWork& work_;
  const Configuration* rows_;
  std::string where_;
  Sink sink_;
  std::vector<std::byte> buffer_;
  uint64_t done_ = 0;
};

format::DType dtype_of(const MergedTensor& tensor) {
  switch (tensor.type) {
    case GgmlType::f16:
      return format::DType::f16;
    case GgmlType::bf16:
      return format::DType::bf16;
    default:
      return format::DType::f32;
  }
}

/// Where each tensor is (transformers' model.safetensors.index.json).
std::string index_of(const MergedFiles& files) {
  Json map = Json::object();
  uint64_t bytes = 0;
  for (const MergedShard& shard : files.shards) {
    for (const MergedTensor& tensor : shard.tensors) {
      map[tensor.name] = shard.name;
      bytes += tensor.bytes();
    }
  }
  return pretty({{"metadata", {{"total_size", bytes}}}, {"weight_map", map}}) + "\n";
}

void copy_bytes(const fs::path& from, const fs::path& to) {
  const auto file = MappedFile::open(from);
  AtomicFile copy(to);
  copy.write(file->bytes());
  copy.commit();
}

}  // namespace

uint64_t MergedTensor::bytes() const {
  if (source != nullptr && copied) return source->bytes.size();
  return format::GgufPlan{name, type, shape}.bytes();
}

bool write_gguf(const fs::path& path, const MergedFiles& files, const MergeWork& work) {
  std::vector<format::GgufPlan> plans;
  for (const MergedTensor& tensor : files.shards.front().tensors) {
    plans.push_back({tensor.name, tensor.type, tensor.shape});
  }
  format::GgufWriter writer(path, files.pairs, std::move(plans));
  TensorWriter tensors(work, files.rows, path.string(),
                       [&](std::span<const std::byte> bytes) { writer.write(bytes); });
  for (const MergedTensor& tensor : files.shards.front().tensors) {
    if (!tensors.write(tensor)) return false;
  }
  writer.commit();
  return true;
}

bool write_directory(const fs::path& directory, const MergedFiles& files, const MergeWork& work) {
  uint64_t before = 0;
  for (const MergedShard& shard : files.shards) {
    std::vector<format::TensorPlan> plans;
    for (const MergedTensor& tensor : shard.tensors) {
      const bool other = tensor.source != nullptr && !tensor.source->type;
      plans.push_back({tensor.name, other ? tensor.source->dtype : dtype_of(tensor), tensor.shape});
    }
    const std::function<bool(uint64_t)> step = [&](uint64_t done) {
      return !work.step || work.step(before + done);
    };
    const MergeWork own{work.source, work.slices, step, work.adapter_file};
    format::SafetensorsWriter writer(directory / shard.name, plans, {{"format", "pt"}});
    TensorWriter tensors(own, files.rows, (directory / shard.name).string(),
                         [&](std::span<const std::byte> bytes) { writer.write(bytes); });
    for (const MergedTensor& tensor : shard.tensors) {
      if (!tensors.write(tensor)) return false;
    }
    writer.commit();
    for (const MergedTensor& tensor : shard.tensors) before += tensor.bytes();
  }
  if (files.shards.size() > 1) {
    write_file(directory / "model.safetensors.index.json", index_of(files));
  }
  for (const auto& [name, text] : files.texts) write_file(directory / name, text);
  for (const auto& [name, from] : files.copies) copy_bytes(from, directory / name);
  return true;
}

}  // namespace matlora::model

#include "matlora/format/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "matlora/base/checked.h"
#include "matlora/format/pickle.h"
#include "matlora/format/stored_zip.h"

namespace matlora::format {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::byte>;
using Kind = Pickle::Kind;
using Value = Pickle::Value;

constexpr std::string_view kZipMark = "PK\x03\x04";
// The pickle of PyTorch's magic number, with which torch.save began before 1.6.
constexpr std::string_view kLegacyMark = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::string_view kRebuild = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";
constexpr size_t kMostDimensions = 8;
constexpr uint64_t kMostShared = 4;  // times what the file stores

struct StorageKind {
  std::string_view name;
  DType dtype;
};
constexpr std::array kStorages = {StorageKind{"torch DoubleStorage", DType::f64},
                                  StorageKind{"torch FloatStorage", DType::f32},
                                  StorageKind{"torch HalfStorage", DType::f16},
                                  StorageKind{"torch BFloat16Storage", DType::bf16}};

/// Names of others are read so that the message can say whose tensor is of which kind.
constexpr std::array<std::string_view, 15> kKnown = {kRebuild,
                                                     kParameter,
                                                     kStorages[0].name,
                                                     kStorages[1].name,
                                                     kStorages[2].name,
                                                     kStorages[3].name,
                                                     "torch LongStorage",
                                                     "torch IntStorage",
                                                     "torch ShortStorage",
                                                     "torch CharStorage",
                                                     "torch ByteStorage",
                                                     "torch BoolStorage",
                                                     "torch ComplexFloatStorage",
                                                     "torch ComplexDoubleStorage",
                                                     "torch.storage UntypedStorage"};

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Row-major strides of `shape`, in items.
std::vector<int64_t> row_major(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i > 0; --i) {
    strides[i - 1] = step;
    step *= std::max(shape[i - 1], int64_t{1});
  }
  return strides;
}

/// The strides of dimensions of one item, or of no items at all, mean nothing.
bool is_row_major(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  const std::vector<int64_t> expected = row_major(shape);
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected[i]) return false;
  }
  return true;
}

/// The items of `shape` and `strides` (in items) from `storage`, one after the other.
std::vector<std::byte> gathered(Bytes storage, size_t item, const std::vector<int64_t>& shape,
                                const std::vector<int64_t>& strides) {
  size_t items = 1;
  for (const int64_t size : shape) items *= static_cast<size_t>(size);
  std::vector<std::byte> result(items * item);
  std::vector<int64_t> index(shape.size(), 0);
  for (size_t i = 0; i < items; ++i) {
    int64_t at = 0;
    for (size_t axis = 0; axis < shape.size(); ++axis) at += index[axis] * strides[axis];
    std::memcpy(result.data() + i * item, storage.data() + static_cast<size_t>(at) * item, item);
    for (size_t axis = shape.size(); axis > 0 && ++index[axis - 1] == shape[axis - 1]; --axis) {
      index[axis - 1] = 0;
    }
  }
  return result;
}

}  // namespace

bool begins_as_torch_file(const fs::path& path) {
  std::array<char, kZipMark.size()> bytes{};
  std::ifstream in(path, std::ios::binary);
  return in.read(bytes.data(), bytes.size()) && kZipMark == std::string_view(bytes.data(), 4);
}

/// Makes tensors of the pickle's values.
class TorchFile::Reader {
 public:
  Reader(TorchFile& out, std::string where) : out_(out), where_(std::move(where)) {}

  void read() {
    open_archive();
    const std::string where = cat(where_, ": ", pickle_name_);
    const Pickle pickle = Pickle::parse(entry("data.pkl"), where, kKnown);
    pickle_ = &pickle;
    const Value& root = pickle.root();
    if (root.kind != Kind::dict) fail(where, "expected a dict of tensors, got ", describe(root));
    std::set<std::string> names;
    for (size_t i = 0; i < root.items.size(); i += 2) {
      const Value &key = at(root.items[i]), &value = at(root.items[i + 1]);
      if (key.kind != Kind::text) fail(where, "expected names of tensors, got ", describe(key));
      if (!names.insert(key.text).second) {
        fail(where, "tensor '", printable(key.text), "' is there twice");
      }
      add_tensor(key.text, value);
    }
  }

 private:
  struct Storage {
    Bytes bytes;
    DType dtype;
    uint64_t items;
  };

  const Value& at(Pickle::Id id) const { return pickle_->at(id); }

  void open_archive() {
    const Bytes file = out_.file_->bytes();
    if (text_of(file).starts_with(kLegacyMark)) {
      fail(where_, "PyTorch's legacy format, of torch.save before 1.6; expected a zip archive; ",
           "load it and save it again with a newer PyTorch");
    }
    if (!text_of(file).starts_with(kZipMark)) {
      fail(where_, "not a file of torch.save: expected a zip archive, got ",
           text_of(file).starts_with('\x80') ? "a pickle" : "something else");
    }
    entries_ = stored_zip_entries(file, where_);
    for (const auto& [name, bytes] : entries_) {
      const size_t slash = name.find('/');
      if (slash == std::string::npos || name.substr(slash + 1) != "data.pkl") continue;
      if (!pickle_name_.empty()) fail(where_, "has more than one data.pkl");
      pickle_name_ = name;
    }
    if (pickle_name_.empty()) fail(where_, "not a file of torch.save: the archive has no data.pkl");
    root_ = pickle_name_.substr(0, pickle_name_.find('/') + 1);
    const auto order = entries_.find(root_ + "byteorder");
    if (order != entries_.end() && text_of(order->second) != "little") {
      fail(where_, "byteorder: expected little, got '", printable(text_of(order->second), 20), "'");
    }
    for (const auto& [name, bytes] : entries_) stored_ += bytes.size();
  }

  Bytes entry(const std::string& name) const {
    const auto found = entries_.find(root_ + name);
    if (found == entries_.end()) fail(where_, "entry '", printable(root_ + name), "' is missing");
    return found->second;
  }

  [[noreturn]] void fail_tensor(const std::string& name, const std::string& what) const {
    fail(where_, "tensor '", printable(name, 120), "': ", what);
  }

  /// The arguments of a call of `function`; null for any other value.
  const std::vector<Pickle::Id>* arguments(const Value& value, std::string_view function) const {
    if (value.kind != Kind::call || at(value.items[0]).text != function) return nullptr;
    return &at(value.items[1]).items;
  }

  void add_tensor(const std::string& name, const Value& given) {
    const auto* parameter = arguments(given, kParameter);
    const Value& value = parameter && !parameter->empty() ? at(parameter->front()) : given;
    const auto* call = arguments(value, kRebuild);
    if (!call) {
      fail(where_, "'", printable(name, 120), "': expected a tensor, got ", describe(value));
    }
    if (call->size() < 4) fail_tensor(name, "its description is cut off");
    const Storage storage = read_storage(name, at((*call)[0]));
    const std::vector<int64_t> offset = integers(name, {(*call)[1]});
    const std::vector<int64_t> shape = integers(name, tuple(name, (*call)[2]));
    const std::vector<int64_t> strides = integers(name, tuple(name, (*call)[3]));
    add_view(name, storage, static_cast<uint64_t>(offset[0]), shape, strides);
  }

  const std::vector<Pickle::Id>& tuple(const std::string& name, Pickle::Id id) const {
    const Value& value = at(id);
    if (value.kind == Kind::tuple || value.kind == Kind::list) return value.items;
    fail_tensor(name, "expected sizes and strides, got " + describe(value));
  }

  std::vector<int64_t> integers(const std::string& name, const std::vector<Pickle::Id>& ids) const {
    if (ids.size() > kMostDimensions) {
      fail_tensor(name, cat("expected at most ", kMostDimensions, " dimensions, got ", ids.size()));
    }
    std::vector<int64_t> result;
    for (const Pickle::Id id : ids) {
      const Value& value = at(id);
      if (value.kind != Kind::integer || value.integer < 0) {
        fail_tensor(name, "expected sizes and strides of 0 and more, got " + describe(value));
      }
      result.push_back(value.integer);
    }
    return result;
  }

  /// ("storage", its kind, its key, its device, its length in items)
  Storage read_storage(const std::string& name, const Value& value) const {
    const Value* id = value.kind == Kind::persistent ? &at(value.items[0]) : nullptr;
    if (!id || id->kind != Kind::tuple || id->items.size() != 5 ||
        at(id->items[0]).text != "storage" || at(id->items[2]).kind != Kind::text ||
        at(id->items[4]).kind != Kind::integer) {
      fail_tensor(name, "expected a storage, got " + describe(value));
    }
    const Value& kind = at(id->items[1]);
    const auto* known = std::find_if(kStorages.begin(), kStorages.end(),
                                     [&](const StorageKind& one) { return one.name == kind.text; });
    if (kind.kind != Kind::name || known == kStorages.end()) {
      fail_tensor(name, cat("expected float32, float16, bfloat16 or float64 numbers, got ",
                            describe(kind)));
    }
    const Bytes bytes = entry("data/" + at(id->items[2]).text);
    const uint64_t item = item_bits(known->dtype) / 8;
    const auto items = static_cast<uint64_t>(at(id->items[4]).integer);
    if (bytes.size() % item != 0 || bytes.size() / item != items) {
      fail_tensor(name, cat("its storage: expected ", at(id->items[4]).integer, " numbers, got ",
                            bytes.size(), " bytes"));
    }
    return {bytes, known->dtype, items};
  }

  void add_view(const std::string& name, const Storage& storage, uint64_t offset,
                const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
    const std::string where = cat(where_, ": tensor '", printable(name, 120), "'");
    if (shape.size() != strides.size()) fail_tensor(name, "as many strides as sizes are expected");
    const uint64_t count = checked_items(shape, where);
    uint64_t end = checked_add(offset, count > 0 ? 1 : 0, where, "its end");
    for (size_t i = 0; i < shape.size() && count > 0; ++i) {
      const auto steps = static_cast<uint64_t>(shape[i] - 1);
      const uint64_t part =
          checked_mul(steps, static_cast<uint64_t>(strides[i]), where, "its extent");
      end = checked_add(end, part, where, "its end");
    }
    if (end > storage.items) {
      fail_tensor(name, cat("passes its storage: expected at least ", end, " numbers, got ",
                            storage.items));
    }
    const size_t item = item_bits(storage.dtype) / 8;
    const uint64_t bytes = checked_mul(count, item, where, "its size");
    used_ = checked_add(used_, bytes, where, "the size of all tensors");
    if (used_ > kMostShared * stored_) {
      fail(where_, "its tensors are more than ", kMostShared, " times the ", stored_,
           " bytes that it stores");
    }
    const Bytes from = storage.bytes.subspan(offset * item);
    if (is_row_major(shape, strides)) {
      out_.tensors_.push_back({name, storage.dtype, shape, from.first(bytes)});
    } else {
      out_.copies_.push_back(gathered(from, item, shape, strides));
      out_.tensors_.push_back({name, storage.dtype, shape, out_.copies_.back()});
    }
  }

  TorchFile& out_;
  std::string where_, pickle_name_, root_;
  std::map<std::string, Bytes> entries_;
  uint64_t stored_ = 0, used_ = 0;  // bytes
  const Pickle* pickle_ = nullptr;
};

TorchFile TorchFile::open(const fs::path& path) {
  TorchFile result;
  result.file_ = MappedFile::open(path);
  Reader(result, path.string()).read();
  return result;
}

}  // namespace matlora::format

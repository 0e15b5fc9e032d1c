#include <cstring>
#include <optional>
#include <vector>

#include "fuzz/mutate.h"

namespace matlora::fuzz {
namespace {

// Of the format (ggml's docs/gguf.md).
enum Type : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};
constexpr uint64_t kMostElements = 1 << 16;

size_t scalar_bytes(uint32_t type) {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool:
      return 1;
    case kUint16:
    case kInt16:
      return 2;
    case kUint32:
    case kInt32:
    case kFloat32:
      return 4;
    case kUint64:
    case kInt64:
    case kFloat64:
      return 8;
    default:
      return 0;
  }
}

/// A value as the file has it: elements as bytes.
struct Value {
  uint32_t type = 0;          // kArray: of `elements`, of element_type
  uint32_t element_type = 0;  // a scalar or kString
  std::vector<std::string> elements;
};

struct Entry {
  std::string key;
  Value value;
};

struct Tensor {
  std::string name;
  std::vector<uint64_t> dims;
  uint32_t type = 0;
  uint64_t offset = 0;
};

struct File {
  uint32_t version = 0;
  std::vector<Entry> entries;
  std::vector<Tensor> tensors;
  std::string data;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T number() {
    T value{};
    const std::string_view part = take(sizeof value);
    if (!part.empty()) std::memcpy(&value, part.data(), sizeof value);
    return value;
  }
  std::string_view take(uint64_t count) {
    if (count > bytes_.size()) broken_ = true;
    if (broken_) return {};
    const std::string_view part = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    taken_ += count;
    return part;
  }
  std::string text() { return std::string(take(number<uint64_t>())); }
  bool broken() const { return broken_; }
  void refuse() { broken_ = true; }
  uint64_t taken() const { return taken_; }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
  uint64_t taken_ = 0;
  bool broken_ = false;
};

std::string element(Reader& in, uint32_t type) {
  return type == kString ? in.text() : std::string(in.take(scalar_bytes(type)));
}

Value read_value(Reader& in) {
  Value value;
  value.type = value.element_type = in.number<uint32_t>();
  uint64_t count = 1;
  if (value.type == kArray) {
    value.element_type = in.number<uint32_t>();
    count = in.number<uint64_t>();
  }
  const bool known = value.element_type == kString || scalar_bytes(value.element_type) > 0;
  if (!known || count > kMostElements) in.refuse();
  for (uint64_t i = 0; i < count && !in.broken(); ++i) {
    value.elements.push_back(element(in, value.element_type));
  }
  return value;
}

std::optional<File> parse(std::string_view bytes) {
  Reader in(bytes);
  File file;
  if (in.take(4) != "GGUF") return std::nullopt;
  file.version = in.number<uint32_t>();
  const auto tensors = in.number<uint64_t>(), entries = in.number<uint64_t>();
  for (uint64_t i = 0; i < entries && !in.broken(); ++i) {
    std::string key = in.text();
    file.entries.push_back({std::move(key), read_value(in)});
  }
  for (uint64_t i = 0; i < tensors && !in.broken(); ++i) {
    Tensor tensor;
    tensor.name = in.text();
    const auto count = in.number<uint32_t>();
    for (uint32_t d = 0; d < count && !in.broken(); ++d)
      tensor.dims.push_back(in.number<uint64_t>());
    tensor.type = in.number<uint32_t>();
    tensor.offset = in.number<uint64_t>();
    file.tensors.push_back(std::move(tensor));
  }
  if (in.broken()) return std::nullopt;
  in.take((32 - in.taken() % 32) % 32);
  file.data = in.broken() ? "" : std::string(in.rest());
  return file;
}

class Writer {
 public:
  template <class T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value) {
    number<uint64_t>(value.size());
    bytes_ += value;
  }
  void value(const Value& value) {
    number(value.type);
    if (value.type == kArray) {
      number(value.element_type);
      number<uint64_t>(value.elements.size());
    }
    for (const std::string& each : value.elements) {
      if (value.element_type == kString) {
        text(each);
      } else {
        bytes_ += each;
      }
    }
  }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

std::string whole(const File& file) {
  Writer out;
  out.bytes() = "GGUF";
  out.number(file.version);
  out.number<uint64_t>(file.tensors.size());
  out.number<uint64_t>(file.entries.size());
  for (const Entry& entry : file.entries) {
    out.text(entry.key);
    out.value(entry.value);
  }
  for (const Tensor& tensor : file.tensors) {
    out.text(tensor.name);
    out.number<uint32_t>(static_cast<uint32_t>(tensor.dims.size()));
    for (const uint64_t dim : tensor.dims) out.number(dim);
    out.number(tensor.type);
    out.number(tensor.offset);
  }
  out.bytes().resize((out.bytes().size() + 31) / 32 * 32);
  return out.bytes() + file.data;
}

std::string extreme_bytes(size_t size, Random& random) {
  const int64_t value = extreme_integer(random);
  return std::string(reinterpret_cast<const char*>(&value), size);
}

void change_value(Value& value, const Value& other, Random& random) {
  if (one_in(random, 8)) {
    value = other;
    return;
  }
  if (value.type == kArray && one_in(random, 3)) {
    const size_t count = value.elements.size();
    if (count == 0 || one_in(random, 4)) {
      value.elements.emplace_back(scalar_bytes(value.element_type), '\0');
    } else if (one_in(random, 2)) {
      value.elements.resize(below(random, count));
    } else {
      value.elements.push_back(value.elements[below(random, count)]);
    }
    return;
  }
  if (value.elements.empty()) return;
  std::string& element = value.elements[below(random, value.elements.size())];
  if (value.element_type == kString) {
    element = mutate_text(element, random);
  } else if (one_in(random, 2)) {
    element = extreme_bytes(element.size(), random);
  } else {
    element[below(random, element.size())] ^= static_cast<char>(1 << below(random, 8));
  }
}

void change_tensor(Tensor& tensor, Random& random) {
  switch (below(random, 5)) {
    case 0:
      tensor.name = mutate_text(tensor.name, random);
      break;
    case 1:
      tensor.type = static_cast<uint32_t>(below(random, 42));
      break;
    case 2:
      tensor.offset = static_cast<uint64_t>(extreme_integer(random));
      break;
    case 3:
      tensor.dims.push_back(1);
      break;
    default:
      if (!tensor.dims.empty()) {
        uint64_t& dim = tensor.dims[below(random, tensor.dims.size())];
        dim = one_in(random, 2) ? static_cast<uint64_t>(extreme_integer(random)) : dim + 1;
      }
  }
}

}  // namespace

std::string mutate_gguf(std::string_view input, std::string_view other, Random& random) {
  std::optional<File> file = parse(input);
  if (!file) return std::string(input);
  std::optional<File> second = parse(other);
  if (!second) second = file;
  std::vector<Entry>& entries = file->entries;
  const size_t kind = below(random, 8);
  if (kind == 0 && !entries.empty()) {
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(below(random, entries.size())));
  } else if (kind == 1 && !second->entries.empty()) {
    entries.push_back(second->entries[below(random, second->entries.size())]);
  } else if (kind == 2 && !entries.empty()) {
    Entry& entry = entries[below(random, entries.size())];
    entry.key = mutate_text(entry.key, random);
  } else if (kind <= 4 && !file->tensors.empty()) {
    change_tensor(file->tensors[below(random, file->tensors.size())], random);
  } else if (kind == 5 && one_in(random, 3)) {
    file->data.resize(below(random, file->data.size() + 64));
  } else if (!entries.empty()) {
    Entry& entry = entries[below(random, entries.size())];
    const std::vector<Entry>& others = second->entries;
    change_value(entry.value,
                 others.empty() ? entry.value : others[below(random, others.size())].value, random);
  }
  return whole(*file);
}

}  // namespace matlora::fuzz

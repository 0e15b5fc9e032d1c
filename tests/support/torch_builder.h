// Writes files of torch.save for tests, well-formed or lying: a pickle by its instructions, and a
// zip archive field by field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/files.h"

namespace matlora::test {

/// One entry of an archive; what is not 0 or empty is a lie in place of the truth.
struct ZipEntry {
  std::string name, bytes;
  uint16_t method = 0, flags = 0;
  uint32_t stored_size = 0, size = 0;
  uint32_t offset = 0;
  std::string local_name = "";
};

inline std::string zip_of(const std::vector<ZipEntry>& entries, const std::string& comment = "") {
  std::string out, directory;
  for (const ZipEntry& entry : entries) {
    const auto size = static_cast<uint32_t>(entry.bytes.size());
    const uint32_t stored = entry.stored_size ? entry.stored_size : size;
    const uint32_t full = entry.size ? entry.size : size;
    const uint32_t offset = entry.offset ? entry.offset : static_cast<uint32_t>(out.size());
    const std::string local = entry.local_name.empty() ? entry.name : entry.local_name;
    const std::string middle =
        raw(entry.flags) + raw(entry.method) + std::string(8, '\0') + raw(stored) + raw(full);
    out += std::string("PK\x03\x04") + raw(uint16_t{0}) + middle +
           raw(static_cast<uint16_t>(local.size())) + raw(uint16_t{3}) + local + "FBx" +
           entry.bytes;
    directory += std::string("PK\x01\x02") + raw(uint32_t{0}) + middle +
                 raw(static_cast<uint16_t>(entry.name.size())) + std::string(12, '\0') +
                 raw(offset) + entry.name;
  }
  const auto count = static_cast<uint16_t>(entries.size());
  return out + directory + "PK\x05\x06" + raw(uint32_t{0}) + raw(count) + raw(count) +
         raw(static_cast<uint32_t>(directory.size())) + raw(static_cast<uint32_t>(out.size())) +
         raw(static_cast<uint16_t>(comment.size())) + comment;
}

// Parts of a pickle.
inline std::string p_text(const std::string& text) {
  return std::string("X") + raw(static_cast<uint32_t>(text.size())) + text;
}
inline std::string p_integer(int32_t number) { return std::string("J") + raw(number); }
inline std::string p_tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + "t";
}
inline std::string p_integers(const std::vector<int32_t>& numbers) {
  std::vector<std::string> items;
  for (const int32_t number : numbers) items.push_back(p_integer(number));
  return p_tuple(items);
}
inline std::string p_name(const std::string& module, const std::string& name) {
  return std::string("c") + module + "\n" + name + "\n";
}
inline std::string p_pickle(const std::string& body) {
  return std::string("\x80\x02") + body + ".";
}

struct TorchTensor {
  std::string storage = "FloatStorage", key = "0";
  int32_t items = 6, offset = 0;
  std::vector<int32_t> shape = {2, 3}, strides = {3, 1};
};

inline std::string p_tensor(const TorchTensor& tensor) {
  const std::string storage =
      p_tuple({p_text("storage"), p_name("torch", tensor.storage), p_text(tensor.key),
               p_text("cuda:0"), p_integer(tensor.items)}) +
      "Q";
  return p_name("torch._utils", "_rebuild_tensor_v2") +
         p_tuple({storage, p_integer(tensor.offset), p_integers(tensor.shape),
                  p_integers(tensor.strides), "\x89",
                  p_name("collections", "OrderedDict") + ")R"}) +
         "R";
}

/// data.pkl of a dict of names and values.
inline std::string p_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string body = "}(";
  for (const auto& [name, value] : items) body += p_text(name) + value;
  return p_pickle(body + "u");
}

/// An archive as torch.save names its entries; "data/0" holds 0, 1, .., 5 as float32.
inline std::string torch_file_of(const std::string& pickle, const std::string& order = "little") {
  std::string numbers;
  for (int i = 0; i < 6; ++i) numbers += raw(static_cast<float>(i));
  return zip_of({{"x/data.pkl", pickle},
                 {"x/byteorder", order},
                 {"x/data/0", numbers},
                 {"x/version", "3\n"}});
}

}  // namespace matlora::test

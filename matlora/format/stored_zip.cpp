#include "matlora/format/stored_zip.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::format {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint32_t kEndMark = 0x06054b50, kDirectoryMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr size_t kEndBytes = 22, kDirectoryBytes = 46, kLocalBytes = 30;
constexpr size_t kLongestComment = 65535;
constexpr uint16_t kEncrypted = 1u | 1u << 6 | 1u << 13;
constexpr uint32_t kZip64 = 0xFFFFFFFF;

template <class T>
T number_at(Bytes bytes, size_t at) {
  T value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);  // both are little-endian
  return value;
}

uint16_t u16(Bytes bytes, size_t at) { return number_at<uint16_t>(bytes, at); }
uint32_t u32(Bytes bytes, size_t at) { return number_at<uint32_t>(bytes, at); }

std::string text_at(Bytes bytes, size_t at, size_t size) {
  return {reinterpret_cast<const char*>(bytes.data()) + at, size};
}

/// Where the record that ends an archive begins: the last one whose comment ends the file.
size_t find_end(Bytes file, const std::string& where) {
  if (file.size() >= kEndBytes) {
    const size_t last = file.size() - kEndBytes;
    for (size_t back = 0; back <= std::min(last, kLongestComment); ++back) {
      const size_t at = last - back;
      if (u32(file, at) == kEndMark && u16(file, at + 20) == back) return at;
    }
  }
  fail(where, "its directory, a zip archive's last part, is missing; is the download complete?");
}

struct Directory {
  Bytes bytes;
  size_t begin = 0;
  uint16_t count = 0;
};

Directory find_directory(Bytes file, const std::string& where) {
  const size_t end = find_end(file, where);
  const uint16_t count = u16(file, end + 10);
  const uint32_t size = u32(file, end + 12), begin = u32(file, end + 16);
  if (size == kZip64 || begin == kZip64 || count == 0xFFFF) {
    fail(where, "a zip64 archive (4 GiB and more), which is not read");
  }
  if (u16(file, end + 4) != 0 || u16(file, end + 6) != 0 || u16(file, end + 8) != count) {
    fail(where, "a zip archive in several parts, which is not read");
  }
  if (uint64_t{begin} + size > end) fail(where, "its directory passes the end of the archive");
  return {file.subspan(begin, size), begin, count};
}

struct Entry {
  std::string name;
  size_t begin = 0, end = 0;  // header and data
  Bytes bytes;
};

/// Reads the entry at `at` of the directory, and moves `at` behind it.
Entry read_entry(Bytes file, const Directory& directory, size_t& at, const std::string& where) {
  const Bytes& bytes = directory.bytes;
  if (bytes.size() - at < kDirectoryBytes || u32(bytes, at) != kDirectoryMark) {
    fail(where, "its directory is damaged");
  }
  const size_t name_size = u16(bytes, at + 28);
  const size_t size = kDirectoryBytes + name_size + u16(bytes, at + 30) + u16(bytes, at + 32);
  if (bytes.size() - at < size) fail(where, "its directory is damaged");
  Entry entry;
  entry.name = text_at(bytes, at + kDirectoryBytes, name_size);
  const std::string what = cat(where, ": entry '", printable(entry.name), "'");
  const uint32_t stored = u32(bytes, at + 20), local = u32(bytes, at + 42);
  if (u16(bytes, at + 8) & kEncrypted) fail(what, "is encrypted");
  if (stored == kZip64 || local == kZip64) fail(what, "is of zip64's sizes, which are not read");
  if (u16(bytes, at + 10) != 0 || stored != u32(bytes, at + 24)) {
    fail(what, "is compressed; expected it stored, as torch.save does");
  }
  at += size;
  if (uint64_t{local} + kLocalBytes > directory.begin || u32(file, local) != kLocalMark) {
    fail(what, "its header is not where the directory says");
  }
  const size_t local_name = u16(file, local + 26);
  entry.begin = local;
  const size_t data = local + kLocalBytes + local_name + u16(file, local + 28);
  entry.end = data + stored;
  if (entry.end > directory.begin) fail(what, "passes the archive's directory");
  if (text_at(file, local + kLocalBytes, local_name) != entry.name) {
    fail(what, "its header has another name");
  }
  entry.bytes = file.subspan(data, stored);
  return entry;
}

}  // namespace

std::map<std::string, Bytes> stored_zip_entries(Bytes file, const std::string& where) {
  const Directory directory = find_directory(file, where);
  std::vector<Entry> entries;
  size_t at = 0;
  for (uint16_t i = 0; i < directory.count; ++i) {
    entries.push_back(read_entry(file, directory, at, where));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& one, const Entry& other) { return one.begin < other.begin; });
  std::map<std::string, Bytes> result;
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    if (i > 0 && entry.begin < entries[i - 1].end) {
      fail(where, "the entries '", printable(entries[i - 1].name), "' and '", printable(entry.name),
           "' overlap");
    }
    if (!result.emplace(entry.name, entry.bytes).second) {
      fail(where, "entry '", printable(entry.name), "' is there twice");
    }
  }
  return result;
}

}  // namespace matlora::format

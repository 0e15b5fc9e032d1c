#include "matlora/format/stored_zip.h"

#include <gtest/gtest.h>

#include "tests/support/torch_builder.h"

namespace matlora::format {
namespace {

using test::raw;
using test::zip_of;
using test::ZipEntry;

std::map<std::string, std::string> read(const std::string& file) {
  std::map<std::string, std::string> result;
  for (const auto& [name, bytes] :
       stored_zip_entries(std::as_bytes(std::span(file.data(), file.size())), "a.zip")) {
    result[name] = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  return result;
}

TEST(StoredZip, EntriesByTheirNames) {
  using Entries = std::map<std::string, std::string>;
  EXPECT_EQ(read(zip_of({{"a/one", "1"}, {"a/two", "22"}, {"none", ""}})),
            (Entries{{"a/one", "1"}, {"a/two", "22"}, {"none", ""}}));
  EXPECT_EQ(read(zip_of({{"a", "1"}}, "a comment")), (Entries{{"a", "1"}}));
  EXPECT_EQ(read(zip_of({})), Entries());
}

TEST(StoredZip, WhatIsNotReadIsNamed) {
  const auto refuses = [](const std::vector<ZipEntry>& entries, const std::string& part) {
    EXPECT_USER_ERROR(read(zip_of(entries)), "a.zip: " + part);
  };
  refuses({{"a", "1", 8}}, "entry 'a': is compressed");
  refuses({{.name = "a", .bytes = "1", .size = 2}}, "entry 'a': is compressed");
  refuses({{"a", "1", 0, 1}}, "entry 'a': is encrypted");
  refuses({{.name = "a", .bytes = "1", .stored_size = 0xFFFFFFFF, .size = 0xFFFFFFFF}},
          "entry 'a': is of zip64's sizes");
  refuses({{.name = "a", .bytes = "1", .offset = 0xFFFFFFFF}}, "entry 'a': is of zip64's sizes");
  refuses({{.name = "a", .bytes = "1", .offset = 0xFFFFFFFE}}, "entry 'a': its header is not");
  refuses({{.name = "a", .bytes = "1", .offset = 3}}, "entry 'a': its header is not");
  refuses({{.name = "a", .bytes = "1", .stored_size = 99, .size = 99}}, "entry 'a': passes the");
  refuses({{.name = "a", .bytes = "1", .local_name = "b"}}, "entry 'a': its header has another");
  refuses({{"a", "1"}, {"a", "2"}}, "entry 'a' is there twice");
  // The first one claims the second one's bytes too.
  refuses({{.name = "a", .bytes = "1", .stored_size = 9, .size = 9}, {"b", "22222222222222"}},
          "the entries 'a' and 'b' overlap");
}

TEST(StoredZip, Directories) {
  const std::string good = zip_of({{"a", "1"}});
  const size_t end = good.size() - 22;
  const auto with = [&](size_t at, const std::string& bytes) {
    std::string file = good;
    file.replace(end + at, bytes.size(), bytes);
    return file;
  };
  EXPECT_USER_ERROR(read(with(16, raw(uint32_t{0xFFFFFFFF}))), "a zip64 archive");
  EXPECT_USER_ERROR(read(with(16, raw(uint32_t{0xFFFFFFF0}))), "its directory passes the end");
  EXPECT_USER_ERROR(read(with(4, raw(uint16_t{1}))), "in several parts");
  EXPECT_USER_ERROR(read(with(8, raw(uint16_t{2}))), "in several parts");
  EXPECT_USER_ERROR(read(with(8, raw(uint32_t{0x00020002}))), "its directory is damaged");
  EXPECT_USER_ERROR(read(with(16, raw(uint32_t{1}))), "its directory is damaged");
  EXPECT_USER_ERROR(read(with(20, raw(uint16_t{1}))), "is the download complete?");
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_USER_ERROR(read(good.substr(0, size)), "a.zip: ");
  }
}

}  // namespace
}  // namespace matlora::format

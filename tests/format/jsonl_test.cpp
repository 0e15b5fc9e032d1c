#include "matlora/format/jsonl.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace matlora::format {
namespace {

struct JsonlTest : ::testing::Test {
  test::TempDir dir;

  std::vector<JsonlRecord> read(const std::string& text, int64_t limit = 0) {
    return read_jsonl(dir.write("x.jsonl", text), limit);
  }
};

TEST_F(JsonlTest, KeepsLineNumbersAcrossEmptyLines) {
  const auto records = read("{\"a\":1}\n\n  \n{\"a\":\"\xc3\xa9\"}");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].line, 1);
  EXPECT_EQ(records[0].value["a"], 1);
  EXPECT_EQ(records[1].line, 4);
  EXPECT_EQ(records[1].value["a"], "\xc3\xa9");
}

TEST_F(JsonlTest, AcceptsByteOrderMarkAndCarriageReturns) {
  const auto records = read("\xef\xbb\xbf{\"a\":1}\r\n\r\n{\"a\":2}\r\n");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].line, 3);
}

TEST_F(JsonlTest, StopsAtTheLimit) {
  EXPECT_EQ(read("{}\n{}\nbroken", 2).size(), 2u);
  EXPECT_USER_ERROR(read("{}\n{}\nbroken", 3), "x.jsonl:3: not valid JSON");
}

TEST_F(JsonlTest, NamesTheLineThatIsWrong) {
  EXPECT_USER_ERROR(read("{}\n[1]\n"), "x.jsonl:2: expected a JSON object, got [1]");
  EXPECT_USER_ERROR(read("{}\n{\"a\":\n1}"), "x.jsonl:2: not valid JSON");
  EXPECT_USER_ERROR(read("{}\n{} {}"), "x.jsonl:2: not valid JSON at column 4: ");
  EXPECT_USER_ERROR(read("{}\n{\"a\":\"\xff\"}"), "x.jsonl:2: not UTF-8 at byte 7");
  EXPECT_USER_ERROR(read("{\"a\":1,\"a\":2}"), "x.jsonl:1: key \"a\" appears twice");
  EXPECT_USER_ERROR(read("{\"a\":1e999}"), "x.jsonl:1: not valid JSON: number overflow");
}

TEST_F(JsonlTest, NulBytesHideNoRecords) {
  const std::string nul(1, '\0'), record = R"({"a":"b"})";
  for (const std::string& line : {record + nul + record, record + nul, nul + record, nul,
                                  record + " " + nul + nul + record}) {
    const std::string where = "x.jsonl:2: not valid JSON at column ";
    EXPECT_USER_ERROR(read(record + "\n" + line + "\n" + record + "\n"), where);
    EXPECT_USER_ERROR(read(record + "\n" + line), where);
    EXPECT_USER_ERROR(read(record + "\n" + line), "a NUL byte (0x00)");
  }
  EXPECT_USER_ERROR(read("{\"a\":\"b" + nul + "\"}"), "x.jsonl:1: not valid JSON at column");
  EXPECT_EQ(read(R"({"a":"b\u0000c"})")[0].value["a"], "b" + nul + "c");
}

TEST_F(JsonlTest, ADirectoryIsNamed) {
  EXPECT_USER_ERROR(read_jsonl(dir.path()), "expected JSON Lines, got an empty directory; give a");
  dir.write("train.jsonl", "{}");
  EXPECT_USER_ERROR(read_jsonl(dir.path()), "got a directory with the file train.jsonl");
}

TEST_F(JsonlTest, RefusesAFileWithoutRecords) {
  EXPECT_USER_ERROR(read(""), "x.jsonl: expected one JSON object per line, got no record");
  EXPECT_USER_ERROR(read("\xef\xbb\xbf\n \n"), "got no record");
  EXPECT_USER_ERROR(read_jsonl(dir.path() / "absent"), "cannot open the file");
}

}  // namespace
}  // namespace matlora::format

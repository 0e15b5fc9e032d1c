#include "matlora/text/normalizer.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "matlora/base/json.h"
#include "tests/support/files.h"

namespace matlora::text {
namespace {

Normalizer read(const Json& json) { return read_normalizer(JsonObject(json, "test")); }

struct Replace {
  Json pattern;
  std::string content;
  std::vector<std::pair<std::string, std::string>> texts;  // before, after
};

// The texts are those of normalizers.Replace of `tokenizers` 0.23.3.
TEST(Replace, EqualsTokenizers) {
  const auto literal = [](const char* text) { return Json{{"String", text}}; };
  const auto regex = [](const char* text) { return Json{{"Regex", text}}; };
  const Replace cases[] = {
      {literal("ab"), "X", {{"abcab", "XcX"}, {"aab", "aX"}, {"", ""}, {"xy", "xy"}}},
      {literal("aa"), "b", {{"aaaaa", "bba"}, {"baab", "bbb"}}},
      {literal(""), "-", {{"", ""}, {"aé", "-a-é-"}, {"abc", "-a-b-c-"}}},
      {literal("."), "!", {{"a.b..", "a!b!!"}, {"abc", "abc"}}},
      {literal(" "), "▁", {{" a b  c ", "▁a▁b▁▁c▁"}, {"\u00A0 x", "\u00A0▁x"}}},
      {literal("é"), "", {{"éaé", "a"}, {"e\u0301", "e\u0301"}}},
      {regex(R"(\s+)"), "_", {{"a  b\n\tc", "a_b_c"}, {" ", "_"}, {"a\u3000b", "a_b"}}},
      {regex("a*"), "-", {{"baac", "-b-c-"}, {"", ""}, {"b", "-b-"}}},
      {regex("(?<=a)b"), R"(<\0>$1)", {{"abb ab", R"(a<\0>$1b a<\0>$1)"}, {"b", "b"}}},
      {regex("^a"), "x", {{"aaa", "xaa"}, {"ba", "ba"}}},
      {regex("$"), "E", {{"ab", "abE"}, {"a\nb", "aE\nbE"}, {"", ""}}},
      {regex(R"(a\Kb)"), "Z", {{"aab", "aaZ"}}},
  };
  for (const Replace& one : cases) {
    const Normalizer normalizer =
        read({{"type", "Replace"}, {"pattern", one.pattern}, {"content", one.content}});
    for (const auto& [before, after] : one.texts) {
      EXPECT_EQ(normalizer.run(before), after) << one.pattern << " in '" << before << "'";
    }
  }
}

TEST(Normalizer, RunsASequenceInOrder) {
  const Normalizer normalizer = read(Json::parse(R"({"type": "Sequence", "normalizers": [
      {"type": "Replace", "pattern": {"String": "e"}, "content": "a"},
      {"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"String": "a"}, "content": "o"}, {"type": "NFC"}]}]})"));
  EXPECT_EQ(normalizer.size(), 3u);
  EXPECT_EQ(normalizer.run("eae\u0301"), "oo\u00F3");
}

TEST(Normalizer, WithoutStepsChangesNothing) { EXPECT_EQ(Normalizer().run("e\u0301"), "e\u0301"); }

TEST(Normalizer, BrokenPartsAreNamed) {
  const auto error = [](const char* json) {
    return test::user_error([&] { read(Json::parse(json)); });
  };
  EXPECT_EQ(error(R"({"type": "Bert"})"),
            "test: expected BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, "
            "Precompiled, Prepend, Replace, Strip, StripAccents or a Sequence of them, got 'Bert'");
  EXPECT_EQ(error(R"({"type": "Replace", "content": ""})"), "test: 'pattern' is missing");
  EXPECT_EQ(error(R"({"type": "Replace", "pattern": {"String": "a"}})"),
            "test: 'content' is missing");
  EXPECT_EQ(error(R"({"type": "Sequence"})"), "test: 'normalizers': expected an array");
  Json many = {{"type", "Sequence"}, {"normalizers", Json::array()}};
  for (int i = 0; i < 33; ++i) many["normalizers"].push_back({{"type", "NFC"}});
  EXPECT_EQ(test::user_error([&] { read(many); }), "test: more than 32 steps in a Sequence");
}

}  // namespace
}  // namespace matlora::text

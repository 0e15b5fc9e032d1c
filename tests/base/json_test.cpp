#include "matlora/base/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "tests/support/files.h"

namespace matlora {
namespace {

TEST(ParseJson, AcceptsJson) {
  EXPECT_EQ(parse_json(R"({"a":[1,{"a":2}]})", "w")["a"][1]["a"], 2);
  EXPECT_EQ(parse_json("3", "w"), 3);
}

TEST(ParseJson, RefusesWhatIsNot) {
  EXPECT_USER_ERROR(parse_json("", "w"), "w: not valid JSON");
  EXPECT_USER_ERROR(parse_json("{\"a\":\n}", "w"), "w:2: not valid JSON at column 1: syntax error");
  EXPECT_USER_ERROR(parse_json("{\"a\": x}\n", "w:7"), "w:7: not valid JSON at column 7: ");
  EXPECT_USER_ERROR(parse_json("[\n1,\n2 3]\n", "w"), "w:3: not valid JSON at column 3: ");
  EXPECT_USER_ERROR(parse_json("", "w"), "w: not valid JSON at column 1: ");
  EXPECT_USER_ERROR(parse_json("{} {}", "w"), "w: not valid JSON");
  EXPECT_USER_ERROR(parse_json("\"\xff\"", "w"), "w: not valid JSON");
  EXPECT_USER_ERROR(parse_json("[1e999]", "w"),
                    "w: not valid JSON: number overflow parsing '1e999', at column 6");
  EXPECT_USER_ERROR(parse_json("NaN", "w"), "w: not valid JSON");
}

TEST(ParseJson, RefusesNulBytesWhereverTheyAre) {
  const std::string nul(1, '\0');
  const std::string whole = R"({"a": [1, -2.5e3, true, null, "s\u0000"], "b": {"c": {}}})";
  EXPECT_EQ(parse_json(whole, "w")["a"][4], "s" + nul);  // escaped it is a character like others
  for (size_t i = 0; i <= whole.size(); ++i) {
    std::string damaged = whole;
    damaged.insert(i, nul);
    EXPECT_USER_ERROR(parse_json(damaged, "w"), "w: not valid JSON at column ");
    // What comes behind it has no say.
    EXPECT_USER_ERROR(parse_json(whole.substr(0, i) + nul + "rubbish", "w"), "w: not valid JSON");
  }
  for (const std::string value : {"{}", "[]", "3", "-1.5", "true", "null", "\"s\""}) {
    EXPECT_USER_ERROR(parse_json(value + nul, "w"), "a NUL byte");
    EXPECT_USER_ERROR(parse_json(value + " " + nul + value, "w"), "a NUL byte");
    EXPECT_USER_ERROR(parse_json(nul + value, "w"), "w: not valid JSON at column 1: a NUL byte");
    EXPECT_USER_ERROR(parse_json("\n" + value + "\n" + nul, "w"),
                      "w:3: not valid JSON at column 1: a NUL byte");
  }
  EXPECT_USER_ERROR(parse_json(nul, "w"), "w: not valid JSON at column 1: a NUL byte");
  // An error before it is said first.
  EXPECT_USER_ERROR(parse_json("{x" + nul, "w"), "w: not valid JSON at column 2: syntax error");
}

TEST(ParseJson, RefusesKeysThatAppearTwiceInOneObject) {
  EXPECT_USER_ERROR(parse_json(R"({"a":1,"b":{"a":1},"a":2})", "w"), "key \"a\" appears twice");
  EXPECT_USER_ERROR(parse_json("{\"a\": 1,\n \"a\": 2}", "w"),
                    "w:2: key \"a\" appears twice in one JSON object, at column 4");
  EXPECT_USER_ERROR(parse_json(R"({"a":1,"\u0061":2})", "w"), "key \"a\" appears twice");
  EXPECT_NO_THROW(parse_json(R"([{"a":1},{"a":{"a":1}}])", "w"));
}

/// CPU time of one parse, the least of some: other work on the machine only adds to it.
double parse_seconds(const std::string& text) {
  double least = 1e9;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t start = std::clock();
    parse_json(text, "w");
    least = std::min(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least;
}

TEST(ParseJson, TimeGrowsWithTheText) {
  const auto repeated = [](const std::string& open, const std::string& item, bool keys,
                           const std::string& close, int count) {
    std::string text = open;
    for (int i = 0; i < count; ++i) {
      if (i > 0) text += ',';
      if (keys) text += "\"tensor." + std::to_string(i) + "\":";
      text += item;
    }
    return text + close;
  };
  const std::string entry = R"({"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})";
  const auto ratio = [&](const std::string& open, const std::string& item, bool keys,
                         const std::string& close) {
    constexpr int kCount = 4000, kTimes = 8;
    const double small = parse_seconds(repeated(open, item, keys, close, kCount));
    return parse_seconds(repeated(open, item, keys, close, kTimes * kCount)) / small;
  };
  // 8 times as much: about 8 (caches, look-ups); 64 where each member looks at all others.
  EXPECT_LT(ratio("{", entry, true, "}"), 30);        // objects in an object
  EXPECT_LT(ratio("{", "[[1],[2]]", true, "}"), 30);  // arrays in an object
  EXPECT_LT(ratio("{", "\"text\"", true, "}"), 30);   // values in an object
  EXPECT_LT(ratio("[", entry, false, "]"), 30);       // objects in an array
  EXPECT_LT(ratio("[", "[]", false, "]"), 30);        // arrays in an array
  EXPECT_LT(ratio("{\"a\":{\"b\":{", entry, true, "}}}"), 30);
}

TEST(ParseJson, RefusesDeepNesting) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(parse_json(nested(64), "w"));
  EXPECT_USER_ERROR(parse_json(nested(65), "w"),
                    "w: JSON nests deeper than 64 levels, at column 65");
  EXPECT_USER_ERROR(parse_json("[\n" + nested(64), "w"),
                    "w:2: JSON nests deeper than 64 levels, at column 64");
  EXPECT_USER_ERROR(parse_json(nested(100'000), "w"), "nests deeper than 64 levels");
  EXPECT_USER_ERROR(parse_json(std::string(1'000'000, '['), "w"), "nests deeper than 64 levels");
}

struct JsonObjectTest : ::testing::Test {
  const Json value = parse_json(
      R"({"i":3,"big":18446744073709551615,"f":2.5,"s":"x","b":true,"n":null,
          "list":[1,2],"names":["a"],"mixed":[1,"a"],"holes":[1,null],"o":{"k":1}})",
      "w");
  const JsonObject object{value, "w"};
};

TEST_F(JsonObjectTest, ReadsTypedValues) {
  EXPECT_EQ(object.integer("i", 0, 5), 3);
  EXPECT_EQ(object.number("i"), 3);
  EXPECT_EQ(object.number("f"), 2.5);
  EXPECT_EQ(object.string("s"), "x");
  EXPECT_TRUE(object.boolean_or("b", false));
  EXPECT_EQ(object.integers("list", 0, 9), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(object.strings("names"), std::vector<std::string>{"a"});
  EXPECT_EQ(object.object("o").integer("k", 0, 9), 1);
}

TEST_F(JsonObjectTest, AbsentAndNullGiveTheFallback) {
  EXPECT_EQ(object.find("n"), nullptr);
  EXPECT_EQ(object.integer_or("n", 7, 0, 9), 7);
  EXPECT_EQ(object.number_or("absent", 0.5), 0.5);
  EXPECT_EQ(object.string_or("n", "d"), "d");
  EXPECT_FALSE(object.boolean_or("absent", false));
  EXPECT_USER_ERROR(object.integer("n", 0, 9), "w: 'n' is missing");
}

TEST_F(JsonObjectTest, WrongTypesNameTheKey) {
  EXPECT_USER_ERROR(object.integer("i", 4, 5), "w: 'i': expected an integer in 4..5, got 3");
  EXPECT_USER_ERROR(object.integer("f", 0, 5), "'f': expected an integer in 0..5, got 2.5");
  EXPECT_USER_ERROR(object.integer("big", INT64_MIN, INT64_MAX), "got 18446744073709551615");
  EXPECT_USER_ERROR(object.number("s"), "'s': expected a number, got \"x\"");
  EXPECT_USER_ERROR(object.string("i"), "'i': expected a string, got 3");
  EXPECT_USER_ERROR(object.boolean_or("i", true), "'i': expected true or false, got 3");
  EXPECT_USER_ERROR(object.integers("i", 0, 9), "'i': expected a list of integers, got 3");
  EXPECT_USER_ERROR(object.integers("mixed", 0, 9), "'mixed': expected an integer in 0..9");
  EXPECT_USER_ERROR(object.integers("holes", 0, 9), "'holes'");
  EXPECT_USER_ERROR(object.strings("mixed"), "'mixed': expected a list of strings, got 1");
  EXPECT_USER_ERROR(object.object("list"), "'list': expected an object, got [1,2]");
  EXPECT_USER_ERROR(JsonObject(Json(3), "w"), "w: expected a JSON object, got 3");
}

TEST(Pretty, SortsKeysAndIndents) {
  EXPECT_EQ(pretty(Json{{"b", 1}, {"a", 2}}), "{\n  \"a\": 2,\n  \"b\": 1\n}\n");
}

}  // namespace
}  // namespace matlora

#include "matlora/model/adapters/peft_patterns.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/model/adapters/key_order.h"
#include "tests/support/temp_dir.h"

namespace matlora::model {
namespace {

using tests::expect_has;
using tests::user_error;

PeftPattern pattern_of(const Json& keys) {
  const Json config = {{"rank_pattern", keys}};
  return {JsonObject(config, "config.json"), "rank_pattern"};
}

// Each key by PEFT's rule, re.match(r"(.*\.)?(KEY)$"), on its own.
TEST(PeftPattern, WhatAKeyNames) {
  struct Case {
    std::string key, module;
    bool named;
  };
  const std::string query = "model.layers.3.self_attn.q_proj";
  for (const auto& [key, module, named] :
       {Case{"q_proj", query, true},
        {"q_proj", "q_proj", true},
        {"q_proj", "model.my_q_proj", false},
        {"q_proj", "model.q_proj.weight", false},
        {"self_attn.q_proj", query, true},
        {query, query, true},
        {"model." + query, query, false},
        {"attn.q_proj", query, false},
        // A dot is any character, of one byte or more, but no end of a line.
        {"self.attn.q.proj", query, true},
        {"q.proj", "a.qé" + std::string("proj"), true},
        {"q.proj", "é.q€proj", true},
        {"q.proj", "a.q\nproj", false},
        {"q_proj", "a\n.q_proj", false},
        {"q.proj", "a.qproj", false},
        {".proj", "model.oproj", true},
        {"..", "model.ab", true},
        {"..", "model.abc", false},
        {"q-proj", "a.q-proj", true},
        // Operators.
        {"q_proj|v_proj", query, true},
        {"^model.layers.\\d+.self_attn.q_proj", query, true},
        {".*layers.(1|2)\\..*", query, false},
        {"", "model.", true},
        {"", query, false}}) {
    EXPECT_EQ(pattern_of({{key, 2}}).of(module, 9), named ? 2 : 9) << key << " " << module;
  }
}

TEST(PeftPattern, TheFirstKeyCounts) {
  const std::string module = "model.layers.0.q_proj";
  const PeftPattern agree = pattern_of({{"q_proj", 2}, {"0.q_proj", 2}, {"q_.*", 2}});
  EXPECT_EQ(agree.of(module, 9), 2);
  const std::string text =
      R"({"a": {"x": {"y": 1}}, "rank_pattern": {"q_.*": 5, "layers.0.q_proj": 3, "q_proj": 2}, "b": [{"z": 1}]})";
  const Json json = Json::parse(text);
  const JsonObject config(json, "config.json");
  const std::vector<std::string> order = keys_in_order(text, "rank_pattern");
  EXPECT_EQ(order, (std::vector<std::string>{"q_.*", "layers.0.q_proj", "q_proj"}));
  EXPECT_EQ(PeftPattern(config, "rank_pattern", order).of(module, 9), 5);
  EXPECT_EQ(PeftPattern(config, "rank_pattern").of(module, 9), 3);  // the sorted order
  EXPECT_EQ(PeftPattern(config, "rank_pattern", order).of("model.layers.0.v_proj", 9), 9);
  EXPECT_TRUE(keys_in_order(text, "b").empty());
  EXPECT_TRUE(keys_in_order(text, "z").empty());
}

std::string layer(int i) {
  return cat("model.layers.", i / 32, ".mlp.experts.", i % 32, ".up_proj");
}

/// The work of looking up `count` layers in a pattern that names each of them.
int64_t work_of(int count) {
  Json keys = Json::object();
  for (int i = 0; i < count; ++i) keys[layer(i)] = 1 + i;
  const PeftPattern pattern = pattern_of(keys);
  for (int i = 0; i < count; ++i) EXPECT_EQ(pattern.of(layer(i), 0), 1 + i);
  return pattern.work();
}

// What matlora writes for ranks per layer: a key for each layer. Layers times keys would be 16.
TEST(PeftPattern, WholeNamesCostWhatTheLayersDo) {
  const int64_t few = work_of(1000), many = work_of(4000);
  EXPECT_LT(many, 6 * few);
  EXPECT_LT(many, 4000 * 500);
}

TEST(PeftPattern, MoreExpressionsThanAnyAdapterHasAreRefused) {
  Json keys = Json::object();
  for (int i = 0; i < 2000; ++i) keys[cat("x", i, "|y")] = 1;
  const PeftPattern pattern = pattern_of(keys);
  const std::string name(2000, 'a');
  const std::string message = user_error([&] {
    for (int i = 0; i < 1000; ++i) pattern.of(name, 1);
  });
  expect_has(message, "config.json: 'rank_pattern': too many expressions (2000)");
  EXPECT_LE(pattern.work(), PeftPattern::kMaxWork + 4000);
}

// Plain keys of as many lengths as there are: each is a shape of its own.
TEST(PeftPattern, MoreShapesOfKeysThanAnyAdapterHasAreRefused) {
  Json keys = Json::object();
  for (size_t i = 1; i < 4000; ++i) keys[std::string(i, 'a')] = 1;
  const PeftPattern pattern = pattern_of(keys);
  const std::string dots(5000, '.');
  expect_has(user_error([&] {
               for (int i = 0; i < 1000; ++i) pattern.of(dots, 1);
             }),
             "too many expressions (3999)");
}

TEST(PeftPattern, AnExpressionThatTakesTooManyStepsIsRefused) {
  const PeftPattern pattern = pattern_of({{"(a+)+[bd]", 1}});
  expect_has(user_error([&] { pattern.of(std::string(40, 'a') + "c", 1); }),
             "config.json: 'rank_pattern': pattern '");
  const std::string broken = user_error([&] { pattern_of({{"(a", 1}}); });
  expect_has(broken, "pattern '\\A(?:.*\\.)?(?:(a)\\z'");
}

}  // namespace
}  // namespace matlora::model

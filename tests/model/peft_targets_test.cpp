// Which modules PEFT would adapt: tests/parity/targets_test.py asks PEFT itself.
#include "matlora/model/adapters/peft_targets.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace matlora::model {
namespace {

using Names = std::vector<std::string>;
using tests::expect_has;
using tests::user_error;

PeftTargets targets_of(const Json& config) { return PeftTargets(JsonObject(config, "c.json")); }

std::vector<adapter::LayerAdapter> layers_of(const Names& names) {
  std::vector<adapter::LayerAdapter> layers;
  for (const std::string& name : names) layers.push_back({name, {}, {}});
  return layers;
}

const std::string kQuery = "model.layers.1.self_attn.q_proj";

TEST(PeftTargets, NamesWhatPeftNames) {
  EXPECT_TRUE(targets_of({{"target_modules", {"q_proj"}}}).names(kQuery));
  EXPECT_TRUE(targets_of({{"target_modules", {"self_attn.q_proj"}}}).names(kQuery));
  EXPECT_TRUE(targets_of({{"target_modules", {kQuery}}}).names(kQuery));
  EXPECT_FALSE(targets_of({{"target_modules", {"proj"}}}).names(kQuery));
  EXPECT_FALSE(targets_of({{"target_modules", {"q_proj.x"}}}).names(kQuery));
  EXPECT_TRUE(targets_of({{"target_modules", ".*\\.1\\..*q_proj"}}).names(kQuery));
  EXPECT_FALSE(targets_of({{"target_modules", "q_proj"}}).names(kQuery));  // the whole name
  EXPECT_TRUE(targets_of({{"target_modules", "all-linear"}}).names(kQuery));
  EXPECT_FALSE(targets_of({{"target_modules", "all-linear"}}).names("lm_head"));
  EXPECT_TRUE(targets_of({{"target_modules", {"lm_head"}}}).names("lm_head"));
  EXPECT_FALSE(targets_of({{"target_modules", nullptr}}).names(kQuery));
  EXPECT_FALSE(PeftTargets().names(kQuery));
  const auto excluding = [&](const Json& excluded) {
    return targets_of({{"target_modules", {"q_proj"}}, {"exclude_modules", excluded}});
  };
  EXPECT_FALSE(excluding({"q_proj"}).names(kQuery));
  EXPECT_FALSE(excluding(".*layers\\.1\\..*").names(kQuery));
  EXPECT_TRUE(excluding({"k_proj"}).names(kQuery));
}

TEST(PeftTargets, OfSomeBlocksOnly) {
  const auto with = [](const Json& blocks, const Json& pattern, const Json& modules) {
    return targets_of({{"target_modules", modules},
                       {"layers_to_transform", blocks},
                       {"layers_pattern", pattern}});
  };
  for (const Json& pattern : {Json(), Json("layers"), Json{"h", "layers"}}) {
    EXPECT_TRUE(with({0, 1}, pattern, {"q_proj"}).names(kQuery));
    EXPECT_TRUE(with(1, pattern, {"q_proj"}).names(kQuery));
    EXPECT_FALSE(with({0, 2, 11}, pattern, {"q_proj"}).names(kQuery));
  }
  EXPECT_FALSE(with({0, 1}, "blocks", {"q_proj"}).names(kQuery));
  EXPECT_TRUE(with({0}, nullptr, ".*q_proj").names(kQuery));  // an expression alone decides
}

TEST(PeftTargets, RefusesOtherTypes) {
  for (const auto& [key, value] : {std::pair<std::string, Json>{"target_modules", 3},
                                   {"target_modules", {"a", 1}},
                                   {"target_modules", "q_("},
                                   {"exclude_modules", true},
                                   {"layers_to_transform", "1"},
                                   {"layers_to_transform", {0.5}}}) {
    expect_has(user_error([&, &key = key, &value = value] {
                 targets_of({{key, value}});
               }),
               "'" + key + "'");
  }
}

TEST(MissingLayers, OfAModel) {
  const Names model = {"lm_head", "model.layers.0.self_attn.q_proj", kQuery,
                       "model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"};
  const PeftTargets targets = targets_of({{"target_modules", {"q_proj", "up_proj"}}});
  EXPECT_EQ(missing_layers(targets, layers_of(model), model), Names());
  EXPECT_EQ(missing_layers(targets, layers_of({model[1], model[4]}), model),
            (Names{kQuery, model[3]}));
}

TEST(MissingLayers, OfTheFileAlone) {
  const PeftTargets targets = targets_of({{"target_modules", {"q_proj", "up_proj"}}});
  const Names some = {"model.layers.0.self_attn.q_proj", "model.layers.2.self_attn.q_proj",
                      "model.layers.2.mlp.up_proj"};
  EXPECT_EQ(missing_layers(targets, layers_of(some)),
            (Names{"model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj", kQuery}));
  EXPECT_EQ(missing_layers(targets, layers_of({some[0], some[0]})), Names{"up_proj"});
  EXPECT_EQ(missing_layers(targets_of({{"target_modules", some}}), layers_of(some)), Names());
  EXPECT_EQ(missing_layers(targets_of({{"target_modules", {"q_proj", "up_proj"}},
                                       {"layers_to_transform", {2}}}),
                           layers_of({some[1], some[2]})),
            Names());
  // A number that no model has makes no list of that length.
  const Names far = {"model.layers.9999.self_attn.q_proj",
                     "model.layers.999999999999999999.self_attn.q_proj"};
  EXPECT_LE(missing_layers(targets, layers_of(far)).size(), 10'001u);
}

}  // namespace
}  // namespace matlora::model

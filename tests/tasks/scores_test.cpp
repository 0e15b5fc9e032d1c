// Hand-computed by the formulas of lm_eval/api/task.py and lm_eval/api/metrics.py.
#include "matlora/tasks/scores.h"

#include <gtest/gtest.h>

#include <cmath>

#include "matlora/base/error.h"

namespace matlora::tasks {
namespace {

std::vector<Score> choice_scores(const std::string& task, const Document& document,
                                 const std::vector<double>& log_likelihoods) {
  return score_choices(find_tasks(task, "data").at(0), document, log_likelihoods);
}

// Per code point: -4/1, -6/3, -3/1.
TEST(Scores, ChoicesByLikelihoodAndByLikelihoodPerCodePoint) {
  const Document document{{"Q"}, {"é", "日本x", "b"}, 1};
  EXPECT_EQ(choice_scores("piqa", document, {-4, -6, -3}),
            (std::vector<Score>{{"acc", 0}, {"acc_norm", 1}}));
  const Document other{{"Q"}, {"é", "日本x", "b"}, 2};
  EXPECT_EQ(choice_scores("piqa", other, {-4, -6, -3}),
            (std::vector<Score>{{"acc", 1}, {"acc_norm", 0}}));
  // Per code point -1 and -0.9; per byte it would be -0.5 and -0.9.
  const Document bytes{{"Q"}, {"ééé", "abc"}, 1};
  EXPECT_EQ(choice_scores("piqa", bytes, {-3, -2.7}),
            (std::vector<Score>{{"acc", 1}, {"acc_norm", 1}}));
}

TEST(Scores, TheFirstOfEqualsCounts) {
  const std::vector<double> equal = {-2, -1, -1};
  EXPECT_EQ(choice_scores("boolq", {{"Q"}, {"a", "b", "c"}, 1}, equal),
            (std::vector<Score>{{"acc", 1}}));
  EXPECT_EQ(choice_scores("boolq", {{"Q"}, {"a", "b", "c"}, 2}, equal),
            (std::vector<Score>{{"acc", 0}}));
}

TEST(Scores, QuestionsThatDiffer) {
  EXPECT_EQ(choice_scores("winogrande", {{"Ann", "Bob"}, {"left."}, 1}, {-5, -4}),
            (std::vector<Score>{{"acc", 1}}));
  EXPECT_THROW(choice_scores("winogrande", {{"Ann", "Bob"}, {"left."}, 1}, {-5}), BugError);
}

std::vector<Score> math_scores(const std::string& response) {
  const Task task = find_tasks("gsm8k", "data").at(0);
  return score_response(task, {{"Q"}, {"9+9=<<9+9=18>>18\n#### 18"}, 0}, response);
}

TEST(Scores, EachFilterIsAMetric) {
  const auto expected = [](double strict, double flexible) {
    return std::vector<Score>{{"exact_match,strict-match", strict},
                              {"exact_match,flexible-extract", flexible}};
  };
  EXPECT_EQ(math_scores(" 9+9 is 18.\n#### 18"), expected(1, 1));
  EXPECT_EQ(math_scores(" It is $18."), expected(0, 1));
  EXPECT_EQ(math_scores(" #### 18\nThen 4"), expected(1, 0));
  EXPECT_EQ(math_scores(""), expected(0, 0));
}

// 1, 0, 1, 1: mean 3/4, squares 3·(1/16) + 9/16 = 3/4, variance 1/4, error 1/2 / 2.
TEST(Scores, MeanAndStandardErrorOverDocuments) {
  const std::vector<std::vector<Score>> documents = {{{"acc", 1}, {"acc_norm", 0}},
                                                     {{"acc", 0}, {"acc_norm", 0}},
                                                     {{"acc", 1}, {"acc_norm", 0}},
                                                     {{"acc", 1}, {"acc_norm", 0}}};
  const auto means = mean_scores(documents);
  EXPECT_EQ(means, (std::vector<MeanScore>{{"acc", 0.75, 0.25, 4}, {"acc_norm", 0, 0, 4}}));
  const auto single = mean_scores(std::span(documents).first(1));
  EXPECT_EQ(single.at(0), (MeanScore{"acc", 1, std::nullopt, 1}));
  EXPECT_THROW(mean_scores({}), BugError);
}

// Means (4·0.75 + 2·0.5)/6; (3·4·(1/4)² + 1·2·(1/2)²)/(6 - 2) = 1.25/4, then over 6.
TEST(Scores, AGroupWeighsItsTasksBySize) {
  const std::vector<std::vector<MeanScore>> tasks = {{{"acc", 0.75, 0.25, 4}},
                                                     {{"acc", 0.5, 0.5, 2}}};
  const auto group = group_scores(tasks);
  ASSERT_EQ(group.size(), 1u);
  EXPECT_EQ(group[0].metric, "acc");
  EXPECT_DOUBLE_EQ(group[0].mean, 4.0 / 6);
  EXPECT_DOUBLE_EQ(group[0].standard_error.value(), std::sqrt(0.3125 / 6));
  EXPECT_EQ(group[0].documents, 6);
}

TEST(Scores, AGroupWithATaskOfOneDocumentHasNoError) {
  const std::vector<std::vector<MeanScore>> tasks = {{{"acc", 0.75, 0.25, 4}},
                                                     {{"acc", 1, std::nullopt, 1}}};
  EXPECT_EQ(group_scores(tasks).at(0), (MeanScore{"acc", 0.8, std::nullopt, 5}));
  EXPECT_THROW(group_scores({}), BugError);
}

}  // namespace
}  // namespace matlora::tasks

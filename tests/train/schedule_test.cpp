#include "matlora/train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/support/temp_dir.h"

namespace matlora::train {
namespace {

TEST(Schedule, LinearWithoutWarmup) {
  for (int64_t t = 0; t < 8; ++t) {
    EXPECT_DOUBLE_EQ(learning_rate(Schedule::linear, 0.5, t, 8, 0),
                     0.5 * (1 - static_cast<double>(t) / 8));
  }
}

TEST(Schedule, WarmupRisesFromZero) {
  for (const auto schedule : {Schedule::linear, Schedule::cosine, Schedule::constant}) {
    EXPECT_DOUBLE_EQ(learning_rate(schedule, 2, 0, 10, 4), 0);
    EXPECT_DOUBLE_EQ(learning_rate(schedule, 2, 1, 10, 4), 0.5);
    EXPECT_DOUBLE_EQ(learning_rate(schedule, 2, 3, 10, 4), 1.5);
    EXPECT_DOUBLE_EQ(learning_rate(schedule, 2, 4, 10, 4), 2);
  }
  EXPECT_DOUBLE_EQ(learning_rate(Schedule::linear, 2, 7, 10, 4), 1);
  EXPECT_DOUBLE_EQ(learning_rate(Schedule::linear, 2, 9, 10, 4), 2.0 / 6);
}

TEST(Schedule, Cosine) {
  EXPECT_DOUBLE_EQ(learning_rate(Schedule::cosine, 1, 0, 8, 0), 1);
  EXPECT_DOUBLE_EQ(learning_rate(Schedule::cosine, 1, 2, 8, 0), 0.5 + std::sqrt(0.125));
  EXPECT_DOUBLE_EQ(learning_rate(Schedule::cosine, 1, 4, 8, 0), 0.5);
  EXPECT_NEAR(learning_rate(Schedule::cosine, 1, 6, 8, 0), 0.5 - std::sqrt(0.125), 1e-15);
  EXPECT_DOUBLE_EQ(learning_rate(Schedule::cosine, 2, 7, 10, 4), 1);
}

TEST(Schedule, Constant) {
  for (int64_t t = 0; t < 5; ++t) {
    EXPECT_EQ(learning_rate(Schedule::constant, 3e-4, t, 5, 0), 3e-4);
  }
}

TEST(Schedule, WarmupStepsAreRoundedUp) {
  EXPECT_EQ(warmup_steps(10, 0), 0);
  EXPECT_EQ(warmup_steps(10, 0.25), 3);
  EXPECT_EQ(warmup_steps(10, 0.5), 5);
  EXPECT_EQ(warmup_steps(10, 1), 10);
}

TEST(Schedule, Names) {
  EXPECT_EQ(parse_schedule("linear", "x"), Schedule::linear);
  EXPECT_EQ(parse_schedule("cosine", "x"), Schedule::cosine);
  EXPECT_EQ(parse_schedule("constant", "x"), Schedule::constant);
  const std::string message = tests::user_error([] { parse_schedule("cosin", "--lr-schedule"); });
  tests::expect_has(message, "--lr-schedule");
  tests::expect_has(message, "unknown value 'cosin'; expected linear|cosine|constant");
}

}  // namespace
}  // namespace matlora::train

#include "matlora/report/decision_text.h"

#include <gtest/gtest.h>

namespace matlora::report {
namespace {

TEST(DecisionText, CommandsAreReadyForAShell) {
  eval::AdapterSweep sweep{"a", "runs/out/", "trained", {}, {}, {}};
  EXPECT_EQ(take_command(sweep, 4),
            "matlora slice --adapter runs/out --rank 4 --output runs/out-r4");
  sweep.adapter = "my run's $(x)";
  sweep.gate_given = true;
  EXPECT_EQ(take_command(sweep, 8),
            "matlora slice --adapter 'my run'\\''s $(x)' --rank 8 --output 'my run'\\''s $(x)-r8' "
            "--inference-gate trained");
  sweep.adapter = "-x";
  sweep.gate_given = false;
  eval::RankScore row;
  row.rank = 2;
  row.adapter = "other";  // this rank is from another directory
  sweep.rows = {row};
  EXPECT_EQ(take_command(sweep, 2), "matlora slice --adapter other --rank 2 --output other-r2");
  EXPECT_EQ(take_command(sweep, 1), "matlora slice --adapter ./-x --rank 1 --output ./-x-r1");
}

TEST(DecisionText, ABudgetIsTakenByCompress) {
  eval::AdapterSweep sweep{"a", "out", "trained", {}, {}, {}};
  sweep.budget = "matlora compress --adapter out --calibrate train.jsonl --model m";
  eval::RankScore row;
  row.rank = 2;
  row.adapter_parameters = 1234;
  sweep.rows = {row};
  EXPECT_EQ(take_command(sweep, 2), sweep.budget + " --parameters 1234 --output out-p1234");
}
}  // namespace
}  // namespace matlora::report

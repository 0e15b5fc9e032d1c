#include "matlora/eval/html.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "matlora/base/file.h"
#include "matlora/eval/html_parts.h"
#include "matlora/eval/markup.h"
#include "tests/support/markup.h"
#include "tests/support/report.h"
#include "tests/support/temp_dir.h"

namespace matlora::eval {
namespace {

using tests::data_report;
using tests::expect_has;
using tests::expect_well_formed;
using tests::foreign;
using tests::full_report;
using tests::lifelike_report;
using tests::occurrences;
using tests::task_report;

const Within kOnePercent{0.01, true, "1%"};

TEST(Markup, EscapesForeignText) {
  EXPECT_EQ(escaped("a < b && \"c\" > 'd'"), "a &lt; b &amp;&amp; &quot;c&quot; &gt; 'd'");
  EXPECT_EQ(escaped("é 中 😀\t\n"), "é 中 😀\t\n");
  EXPECT_EQ(escaped(std::string("\0\x1b\x7f\r", 4)), "\ufffd\ufffd\ufffd\ufffd");
  EXPECT_EQ(escaped("\xff"
                    "a\xc3"),
            "\ufffd"
            "a\ufffd");
}

TEST(Markup, Numbers) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123456), "-123,456");
  EXPECT_EQ(fixed(1.005, 2), "1.00");
  EXPECT_EQ(fixed(-0.004, 2), "0.00");
  EXPECT_EQ(fixed(-0.006, 2), "-0.01");
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(98304), "96.0 KiB");
  EXPECT_EQ(bytes_text(int64_t{5} << 30), "5.0 GiB");
}

TEST(Html, IsWellFormedAndAlone) {
  for (const Report& report : {data_report(), task_report(), full_report(), lifelike_report()}) {
    const std::string page = report_html(report);
    expect_well_formed(page);
    EXPECT_EQ(occurrences(page, "http"), 0u);
    EXPECT_EQ(occurrences(page, "src="), 0u);
    EXPECT_EQ(occurrences(page, "url("), 0u);
    EXPECT_EQ(occurrences(page, "@import"), 0u);
  }
}

TEST(Html, EscapesEverythingThatIsForeign) {
  Report report = lifelike_report();
  report.model = report.data = report.dtype = report.device = foreign;
  for (AdapterSweep& sweep : report.sweeps) {
    sweep.name = sweep.adapter = sweep.inference_gate = foreign;
    for (RankScore& row : sweep.rows) {
      row.tasks[0].task = row.tasks[0].metrics[0].name = foreign;
    }
    for (TaskSample& sample : sweep.task_samples) {
      sample.response = sample.metrics[0].name = foreign;
    }
  }
  for (TaskProtocol& task : report.tasks) task.version = foreign;
  report.tasks[0].name = foreign;
  for (TaskItem& item : report.items) item.prompt = item.reference = foreign;
  ReportOptions options;
  options.within = Within{0.01, true, foreign};
  options.earlier = {{foreign, foreign, foreign, report.sweeps[0].rows, {}, {}}};
  const std::string page = report_html(report, options);
  expect_well_formed(page);
  EXPECT_EQ(occurrences(page, "</script>"), 1u);
  EXPECT_EQ(occurrences(page, "<b>&"), 0u);
  EXPECT_EQ(occurrences(page, "\x01"), 0u);
  EXPECT_EQ(occurrences(page, "\xff"), 0u);
  EXPECT_GT(occurrences(page, "&lt;/script&gt;&lt;b&gt;&amp;&quot;'"), 50u);
}

TEST(Html, SaysWhichRankToTake) {
  Report report = data_report();
  expect_has(report_html(report),
             "<b>Rank 4</b> is the smallest that is within 1% of the best in token accuracy: 200 "
             "parameters.");
  ReportOptions options;
  options.within = Within{0.2, false, "0.2"};
  expect_has(report_html(report, options),
             "<b>Rank 2</b> is the smallest that is within 0.2 of the best in token accuracy: 100 "
             "parameters, 1/2 of rank 4’s.");
  report.sweeps[0].rows[0].token_accuracy = 0.7;
  expect_has(report_html(report), "No rank of adapter is better than the base model in token");
  report.sweeps[0].rows.resize(1);
  expect_has(report_html(report), "Only the base model was scored.");
}

TEST(Html, TheRankToTakeIsGoodInEveryMeasure) {
  Report report = data_report();
  tests::add_tasks(report);
  AdapterSweep& sweep = report.sweeps[0];
  EXPECT_EQ(chosen_rank(report, sweep, kOnePercent), 4);
  sweep.rows[3].tasks[0].metrics[0].value = 0.1;  // arc_easy is best at rank 2 now
  EXPECT_EQ(chosen_rank(report, sweep, kOnePercent), 0);
  expect_has(report_html(report), "No rank is within 1% of the best in each of the 3 measures");
  EXPECT_EQ(chosen_rank(report, sweep, Within{0.2, false, "0.2"}), 2);
  sweep.rows[2].token_accuracy = 0.6;
  sweep.rows[2].tasks[1].metrics[0].value = 0.3;
  EXPECT_EQ(chosen_rank(report, sweep, kOnePercent), 2);
}

TEST(Html, HasEveryPanelOnBothScales) {
  const std::string page = report_html(full_report());
  EXPECT_EQ(occurrences(page, "role=\"img\""), 8u);
  EXPECT_EQ(occurrences(page, "rank (log scale)"), 4u);
  EXPECT_EQ(occurrences(page, "type=\"radio\""), 2u);
  EXPECT_GT(occurrences(page, "class=\"error line c1\""), 0u);
  EXPECT_EQ(occurrences(page, "class=\"legend\""), 1u);
  EXPECT_EQ(occurrences(report_html(data_report()), "class=\"legend\""), 0u);
}

TEST(Html, TablesHoldEveryRank) {
  const Report report = full_report();
  const std::string rows = ranks_section(report, kOnePercent);
  EXPECT_EQ(occurrences(rows, "<tr>") + occurrences(rows, "<tr class=\"chosen\">"), 1u + 8u);
  EXPECT_EQ(occurrences(rows, "<tr class=\"chosen\">"), 2u);
  expect_has(rows, ">0.6000 ± 0.0300</td>");
  expect_has(rows, ">800 B</td>");
  EXPECT_EQ(occurrences(rows, " best\""), 2u * 5u);
  const std::string areas = areas_section(report, {report.sweeps[0]});
  EXPECT_EQ(occurrences(areas, "<tr>"), 1u + 3u * 5u);
  EXPECT_EQ(occurrences(areas, "(an earlier sweep)"), 5u);
  expect_has(areas, ">0.4333</td>");
  Report base = data_report();
  base.sweeps[0].rows.resize(1);
  EXPECT_EQ(areas_section(base, {}), "");
}

TEST(Html, ShowsItemsWithWhatEveryRankMadeOfThem) {
  const Report report = lifelike_report();
  const std::string text = answers_section(report);
  EXPECT_EQ(occurrences(text, "<details class=\"item\""), 3u);
  EXPECT_EQ(occurrences(text, "open=\"open\""), 1u);
  EXPECT_EQ(occurrences(text, "#### 26</pre>"), 2u * 3u);
  EXPECT_EQ(occurrences(text, "$&lt;&lt;9*2=18&gt;&gt;18 every day.\n#### 18</pre>"), 2u * 4u);
  EXPECT_EQ(occurrences(text, "✓ a leaf"), 2u);
  EXPECT_EQ(occurrences(text, "<td class=\"number best\" data-v=\"-11.5\">-11.50</td>"), 2u * 2u);
  EXPECT_EQ(answers_section(full_report()), "");
}

TEST(Html, TellsTheProtocol) {
  const std::string text = protocol_section(lifelike_report());
  expect_has(text,
             "; gsm8k (version 3.0, 5-shot, 200 documents, seed 1234, at most 256 new tokens, "
             "2 prompts cut); data/gsm8k/test.jsonl, 48 examples, teacher-forced; float32 on "
             "cpu.</code>");
  expect_has(text,
             "models/SmolLM2-135M-Instruct.Q4_1.gguf; adapter runs/matryoshka (trained gate)");
  EXPECT_EQ(occurrences(protocol_section(data_report()), ">task<"), 0u);
}

TEST(Html, PartsOfAGroupHaveATableOfTheirOwn) {
  Report report = task_report();
  report.tasks = {{"mmlu_anatomy", "1.0", 5, 3, 1234, 0, 0}};
  for (RankScore& row : report.sweeps[0].rows) {
    row.tasks = {{"mmlu", 3, {{"acc", 0.3, 0.1}}}, {"mmlu_anatomy", 3, {{"acc", 0.4, 0.1}}}};
  }
  const std::string page = report_html(report);
  expect_well_formed(page);
  EXPECT_EQ(occurrences(page, "Parts of the tasks"), 1u);
  EXPECT_EQ(occurrences(page, "<th scope=\"row\">mmlu_anatomy acc</th>"), 1u);
}

/// For tests/eval/html_browser_test.sh, and to look at.
TEST(Html, ExampleForABrowser) {
  const char* const directory = std::getenv("MATLORA_EXAMPLE_REPORT");
  if (directory == nullptr) GTEST_SKIP() << "MATLORA_EXAMPLE_REPORT names no directory";
  write_report(directory, lifelike_report());
}

}  // namespace
}  // namespace matlora::eval

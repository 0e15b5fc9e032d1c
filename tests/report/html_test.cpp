#include "matlora/report/html.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "matlora/base/file.h"
#include "matlora/report/html_parts.h"
#include "matlora/report/markup.h"
#include "tests/support/markup.h"
#include "tests/support/report.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wide_report.h"

namespace matlora::report {
namespace {

using tests::data_report;
using tests::expect_has;
using tests::expect_well_formed;
using tests::foreign;
using tests::full_report;
using tests::lifelike_report;
using tests::occurrences;
using tests::task_report;
using tests::wide_report;

const eval::Within kOnePercent{0.01, true, "1%"};

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
  for (const eval::Report& report :
       {data_report(), task_report(), full_report(), lifelike_report(), wide_report()}) {
    const std::string page = report_html(report);
    expect_well_formed(page);
    EXPECT_EQ(occurrences(page, "http"), 0u);
    EXPECT_EQ(occurrences(page, "src="), 0u);
    EXPECT_EQ(occurrences(page, "url("), 0u);
    EXPECT_EQ(occurrences(page, "@import"), 0u);
  }
}

TEST(Html, EscapesEverythingThatIsForeign) {
  eval::Report report = lifelike_report();
  report.model = report.data = report.dtype = report.device = foreign;
  for (eval::AdapterSweep& sweep : report.sweeps) {
    sweep.name = sweep.adapter = sweep.inference_gate = foreign;
    for (eval::RankScore& row : sweep.rows) {
      row.tasks[0].task = row.tasks[0].metrics[0].name = foreign;
    }
    for (eval::TaskSample& sample : sweep.task_samples) {
      sample.response = sample.metrics[0].name = foreign;
    }
  }
  for (eval::TaskProtocol& task : report.tasks) task.version = foreign;
  report.tasks[0].name = foreign;
  for (eval::TaskItem& item : report.items) item.prompt = item.reference = foreign;
  ReportOptions options;
  options.within = eval::Within{0.01, true, foreign};
  options.earlier = {{foreign, foreign, foreign, report.sweeps[0].rows, {}, {}}};
  const std::string page = report_html(report, options);
  expect_well_formed(page);
  EXPECT_EQ(occurrences(page, "</script>"), 1u);
  EXPECT_EQ(occurrences(page, "<b>&"), 0u);
  EXPECT_EQ(occurrences(page, "\x01"), 0u);
  EXPECT_EQ(occurrences(page, "\xff"), 0u);
  EXPECT_GT(occurrences(page, "&lt;/script&gt;&lt;b&gt;&amp;&quot;'"), 50u);
}

/// What is shown without JavaScript: everything but the stops of the slider that are hidden.
std::string shown_choice(const std::string& page) {
  const size_t begin = page.find("<div class=\"choice\" data-within=\"");
  std::string text;
  for (size_t at = begin; at != std::string::npos;) {
    const size_t next = page.find("<div class=\"choice\" data-within=\"", at + 1);
    const std::string part = page.substr(at, next == std::string::npos ? next : next - at);
    if (part.substr(0, part.find('>')).find("hidden") == std::string::npos) text += part;
    at = next;
  }
  return text.substr(0, text.find("</section>"));
}

std::string section_of(const eval::Report& report, const eval::Within& within = kOnePercent) {
  return shown_choice(choice_section(report, page_choices(report, within)));
}

TEST(Html, SaysWhichRankToTakeAndHow) {
  eval::Report report = data_report();
  const std::string text = section_of(report);
  expect_has(text,
             "<p class=\"lead\"><b>Take rank 4</b> (200 parameters): the smallest within 1% or one "
             "standard error of the best in token accuracy; it is better than the base model.</p>");
  expect_has(text,
             "<code class=\"command\">matlora slice --adapter out/adapter --rank 4 --output "
             "out/adapter-r4</code>");
  expect_has(section_of(report, eval::Within{0.2, false, "0.2"}),
             "<b>Take rank 2</b> (100 parameters, 1/2 of rank 4’s): the smallest within 0.2 or");
  report.sweeps[0].rows[0].token_accuracy = 0.7;
  const std::string none = section_of(report);
  expect_has(none,
             "<p class=\"lead none\"><b>Take none</b>: no rank is better than the base model "
             "by more than its error in token accuracy.</p>");
  EXPECT_EQ(occurrences(none, "matlora slice"), 0u);
  report.sweeps[0].rows.resize(1);
  expect_has(report_html(report), "<b>Only the base model was scored</b>.");
  EXPECT_EQ(occurrences(report_html(report), "type=\"range\""), 0u);
}

TEST(Html, AMatrixOfAdaptersAndMeasures) {
  const eval::Report report = wide_report();
  const std::string text = section_of(report);
  EXPECT_EQ(occurrences(text, "class=\"matrix\""), 1u);
  EXPECT_EQ(occurrences(text, "<tr>"), 1u + 8u);
  EXPECT_EQ(occurrences(text, "class=\"lead\""), 2u);
  EXPECT_EQ(occurrences(text, "class=\"lead none\""), 1u);
  EXPECT_EQ(occurrences(text, "<td class=\"better\">") + occurrences(text, "<td class=\"alike\">") +
                occurrences(text, "<td class=\"worse\">"),
            3u * 8u);
  EXPECT_EQ(occurrences(text, "class=\"command\""), 2u);
  // boolq is better at no rank of any, and no wall of red says it.
  const size_t boolq = text.find("boolq acc</th>");
  const std::string row = text.substr(boolq, text.find("</tr>", boolq) - boolq);
  EXPECT_EQ(occurrences(row, "<b>none"), 3u);
  EXPECT_EQ(occurrences(text, "class=\"wrong\""), 0u);
  expect_has(text, "cannot be told apart in");
}

TEST(Html, TheSliderHasEveryAnswerOnThePage) {
  const eval::Report report = data_report();
  const PageChoices choices = page_choices(report, kOnePercent);
  ASSERT_EQ(choices.stops.size(), 9u);
  EXPECT_EQ(choices.stops[choices.shown].text, "1%");
  const std::string text = choice_section(report, choices);
  EXPECT_EQ(occurrences(text, "<div class=\"choice\""), 9u);
  EXPECT_EQ(occurrences(text, "hidden=\"hidden\""), 8u + 1u);  // and the slider
  expect_has(text, "max=\"8\" value=\"4\"");
  const PageChoices own = page_choices(report, eval::Within{0.34, true, "34%"});
  ASSERT_EQ(own.stops.size(), 10u);
  EXPECT_EQ(own.stops.back().text, "34%");
  EXPECT_EQ(page_choices(report, eval::Within{0.03, false, "0.03"}).stops[6].text, "0.03");
  // Rank 2 is taken at the last stop only, rank 4 at the others, of which one is shown.
  const std::string rows = ranks_section(report, page_choices(report, kOnePercent));
  expect_has(
      rows,
      "<tr class=\"chosen\" data-chosen=\"0 1 2 3 4 5 6 7 8\"><th class=\"rank\" scope=\"row\" "
      "data-v=\"4\">");
  const std::string marked = ranks_section(report, own);
  expect_has(
      marked,
      "<tr class=\"chosen\" data-chosen=\"9\"><th class=\"rank\" scope=\"row\" data-v=\"2\">");
  expect_has(
      marked,
      "<tr data-chosen=\"0 1 2 3 4 5 6 7 8\"><th class=\"rank\" scope=\"row\" data-v=\"4\">");
}

TEST(Html, HasEveryPanelOnBothScales) {
  const std::string page = report_html(full_report());
  EXPECT_EQ(occurrences(page, "role=\"img\""), 8u);
  EXPECT_EQ(occurrences(page, ">base 0.300</text>"), 4u);  // token accuracy, arc_easy
  EXPECT_EQ(occurrences(page, "rank (log scale)"), 4u);
  EXPECT_EQ(occurrences(page, "type=\"radio\""), 2u);
  EXPECT_GT(occurrences(page, "class=\"error line c1\""), 0u);
  EXPECT_EQ(occurrences(page, "class=\"legend\""), 1u);
  EXPECT_EQ(occurrences(report_html(data_report()), "class=\"legend\""), 0u);
}

TEST(Html, TablesHoldEveryRank) {
  const eval::Report report = full_report();
  const std::string rows = ranks_section(report, page_choices(report, kOnePercent));
  EXPECT_EQ(occurrences(rows, "<tr"), 1u + 8u);
  EXPECT_EQ(occurrences(rows, "<tr class=\"chosen\""), 2u);
  expect_has(rows, ">1.0000 ± 0.0400</td>");
  expect_has(rows, ">0.6000 ± 0.0300</td>");
  expect_has(rows, ">800 B</td>");
  EXPECT_EQ(occurrences(rows, " best\""), 2u * 5u);
  const std::string areas = areas_section(report, {report.sweeps[0]});
  EXPECT_EQ(occurrences(areas, "<tr>"), 1u + 3u * 5u);
  EXPECT_EQ(occurrences(areas, "(an earlier sweep)"), 5u);
  expect_has(areas, ">0.4333 ★</td>");
  EXPECT_EQ(occurrences(areas, "above the base"), 0u);
  eval::Report base = data_report();
  base.sweeps[0].rows.resize(1);
  EXPECT_EQ(areas_section(base, {}), "");
}

TEST(Html, TheBestAreaIsMarkedAmongTheSameRanksOnly) {
  eval::Report report = full_report();
  std::string areas = areas_section(report, {});
  EXPECT_EQ(occurrences(areas, "★</td>"), 5u * 3u);  // a measure has three areas
  expect_has(areas, "★: the best adapter by this number.");
  report.sweeps[1].rows.pop_back();
  areas = areas_section(report, {});
  EXPECT_EQ(occurrences(areas, "★</td>"), 0u);
  expect_has(areas, "not all scored at the same ranks");
  report.sweeps.pop_back();
  EXPECT_EQ(occurrences(areas_section(report, {}), "★"), 0u);  // nothing to be best among
}

TEST(Html, ShowsItemsWithWhatEveryRankMadeOfThem) {
  const eval::Report report = lifelike_report();
  const std::string text = answers_section(report);
  EXPECT_EQ(occurrences(text, "<details class=\"item\""), 3u);
  EXPECT_EQ(occurrences(text, "open=\"open\""), 1u);
  // Ranks of the same answer share a card; what is new in the second one is marked.
  EXPECT_EQ(occurrences(text, "<h4>ranks 0, 1, 2 <span class=\"wrong\""), 2u);
  EXPECT_EQ(occurrences(text, "<h4>ranks 4, 8, 16, 32 <span class=\"right\""), 2u);
  EXPECT_EQ(occurrences(text, "#### 26</pre>"), 2u);
  EXPECT_EQ(occurrences(text, "Janet sells 16 - 3 <mark>- 4 </mark>= <mark>9 duck </mark>eggs a"),
            2u);
  EXPECT_EQ(occurrences(text, "#### <mark>18</mark></pre>"), 2u);
  EXPECT_EQ(occurrences(text, "✓ a leaf"), 2u);
  EXPECT_EQ(occurrences(text, "<td class=\"number best\" data-v=\"-11.5\">-11.50</td>"), 2u * 2u);
  // The likeliest choice is another one from rank 2 on.
  EXPECT_EQ(occurrences(text, "<td class=\"number best changed\""), 2u);
  EXPECT_EQ(answers_section(full_report()), "");
}

TEST(Html, LongAnswersAreClipped) {
  eval::Report report = lifelike_report();
  const auto clips = [&](const std::string& response) {
    for (eval::TaskSample& sample : report.sweeps[0].task_samples) sample.response = response;
    report.sweeps.resize(1);
    const std::string text = answers_section(report);
    expect_well_formed(text);
    return occurrences(text, "<details class=\"clip\">");
  };
  EXPECT_EQ(clips("short"), 0u);
  EXPECT_EQ(clips(std::string(450, 'x')), 0u);  // hardly longer than what is shown
  EXPECT_EQ(clips(std::string(5000, 'x')), 2u);
  EXPECT_EQ(clips("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n"), 2u);
  std::string text;
  for (int i = 0; i < 300; ++i) text += "word" + std::to_string(i) + " ";
  EXPECT_EQ(clips(text), 2u);
  const std::string page = answers_section(report);
  EXPECT_EQ(occurrences(page, "word20 "), 2u * 2u);  // in the beginning and in the whole
  EXPECT_EQ(occurrences(page, "word299 "), 2u);
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
  eval::Report report = task_report();
  report.tasks = {{"mmlu_anatomy", "1.0", 5, 3, 1234, 0, 0}};
  for (eval::RankScore& row : report.sweeps[0].rows) {
    row.tasks = {{"mmlu", 3, {{"acc", 0.3, 0.1}}}, {"mmlu_anatomy", 3, {{"acc", 0.4, 0.1}}}};
  }
  const std::string page = report_html(report);
  expect_well_formed(page);
  EXPECT_EQ(occurrences(page, "Parts of the tasks"), 1u);
  EXPECT_EQ(occurrences(page, "<th scope=\"row\">mmlu_<wbr/>anatomy acc</th>"), 1u);
}

/// For tests/report/html_browser_test.sh, and to look at.
TEST(Html, ExampleForABrowser) {
  const char* const directory = std::getenv("MATLORA_EXAMPLE_REPORT");
  if (directory == nullptr) GTEST_SKIP() << "MATLORA_EXAMPLE_REPORT names no directory";
  write_report(directory, lifelike_report());
  std::filesystem::create_directory(std::filesystem::path(directory) / "wide");
  write_report(std::filesystem::path(directory) / "wide", wide_report());
}

}  // namespace
}  // namespace matlora::report

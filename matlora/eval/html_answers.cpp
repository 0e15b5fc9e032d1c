// report.html: what the ranks made of single documents, side by side.
#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"
#include "matlora/eval/html_parts.h"
#include "matlora/eval/markup.h"

namespace matlora::eval {
namespace {

constexpr size_t kSummaryBytes = 90;  // of a prompt, in the line that stands for an item

/// The first words, on one line.
std::string beginning(const std::string& text) {
  std::string line = text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  if (line.size() <= kSummaryBytes) return line;
  size_t end = 0;
  while (end < kSummaryBytes) {
    const size_t length = utf8_sequence_length(std::string_view(line).substr(end));
    end += length == 0 ? 1 : length;
  }
  return line.substr(0, end) + "…";
}

/// By rank, as the sweep has them.
std::vector<const TaskSample*> samples_of(const AdapterSweep& sweep, const TaskItem& item) {
  std::vector<const TaskSample*> found;
  for (const TaskSample& sample : sweep.task_samples) {
    if (sample.task == item.task && sample.index == item.index) found.push_back(&sample);
  }
  return found;
}

/// Right by the task's first metric; the others are in the tooltip.
std::string verdict(const TaskSample& sample) {
  if (sample.metrics.empty()) return "";
  std::string all;
  for (const Metric& metric : sample.metrics) {
    all += cat(all.empty() ? "" : ", ", metric.name, " ", metric.value);
  }
  const bool right = sample.metrics.front().value >= 1;
  return element("span",
                 cat("class=\"", right ? "right" : "wrong", "\" title=\"", escaped(all), "\""),
                 right ? "✓ right" : "✗ wrong");
}

std::string sweep_heading(const Report& report, const AdapterSweep& sweep) {
  return report.sweeps.size() > 1 ? element("h3", "", name_text(sweep)) + "\n" : "";
}

std::string responses(const std::vector<const TaskSample*>& samples) {
  std::string cards;
  for (const TaskSample* sample : samples) {
    cards += cat("<div><h4>rank ", sample->rank, " ", verdict(*sample), "</h4>",
                 element("pre", "", escaped(sample->response)), "</div>\n");
  }
  return element("div", "class=\"answers\" tabindex=\"0\"", "\n" + cards) + "\n";
}

/// The likeliest choice is bold, the first of equals.
std::string choice_cell(const TaskSample& sample, size_t choice) {
  const std::vector<double>& all = sample.log_likelihoods;
  if (choice >= all.size()) return missing_cell();
  const auto first = std::max_element(all.begin(), all.end()) - all.begin();
  const bool likeliest = static_cast<size_t>(first) == choice;
  return number_cell(all[choice], fixed(all[choice], 2), likeliest ? "best" : "");
}

/// A row for every choice, a column for every rank.
std::string choices(const TaskItem& item, const std::vector<const TaskSample*>& samples) {
  std::string head = head_cell("log-likelihood in nats", ""), rows, verdicts;
  for (const TaskSample* sample : samples) {
    head += head_cell(cat("rank\u00a0", sample->rank));
    verdicts += element("td", "class=\"number\"", verdict(*sample));
  }
  for (size_t i = 0; i < item.choices.size(); ++i) {
    const bool right = static_cast<int64_t>(i) == item.gold;
    std::string cells = element("td", right ? "class=\"right\"" : "",
                                (right ? "✓ " : "") + escaped(item.choices[i]));
    for (const TaskSample* sample : samples) cells += choice_cell(*sample, i);
    rows += element("tr", "", cells) + "\n";
  }
  rows += element("tr", "", "<td></td>" + verdicts) + "\n";
  return table_box("class=\"choices\"", head, rows);
}

std::string item_text(const Report& report, const TaskItem& item, bool open) {
  std::string text =
      cat("<details class=\"item\"", open ? " open=\"open\"" : "", ">\n<summary>",
          escaped(cat(item.task, " ", item.index, ": ", beginning(item.prompt))),
          "</summary>\n<h3>Prompt</h3>\n", element("pre", "", escaped(item.prompt)), "\n");
  if (item.choices.empty()) {
    text += "<h3>Right answer</h3>\n" + element("pre", "", escaped(item.reference)) + "\n";
  }
  for (const AdapterSweep& sweep : report.sweeps) {
    const std::vector<const TaskSample*> samples = samples_of(sweep, item);
    if (samples.empty()) continue;
    text += sweep_heading(report, sweep);
    text += item.choices.empty() ? responses(samples) : choices(item, samples);
  }
  return text + "</details>\n";
}

}  // namespace

std::string answers_section(const Report& report) {
  if (report.items.empty()) return "";
  std::string items;
  for (const TaskItem& item : report.items) items += item_text(report, item, items.empty());
  const char* const picker =
      "<p class=\"picker\" hidden=\"hidden\"><label>Document <select></select></label></p>\n";
  return cat("<section>\n<h2>Answers</h2>\n", report.items.size() > 1 ? picker : "", items,
             "</section>\n");
}

}  // namespace matlora::eval

// report.html: what the ranks made of single documents, side by side.
#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"
#include "matlora/report/html_parts.h"
#include "matlora/report/markup.h"
#include "matlora/report/text_difference.h"

namespace matlora::report {
namespace {

constexpr size_t kSummaryBytes = 90;  // of a prompt, in the line that names an item
constexpr size_t kShownBytes = 420;   // of a text that is clipped
constexpr size_t kShownLines = 9;

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
std::vector<const eval::TaskSample*> samples_of(const eval::AdapterSweep& sweep,
                                                const eval::TaskItem& item) {
  std::vector<const eval::TaskSample*> found;
  for (const eval::TaskSample& sample : sweep.task_samples) {
    if (sample.task == item.task && sample.index == item.index) found.push_back(&sample);
  }
  return found;
}

/// Right by the task's first metric; the others are in the tooltip.
std::string verdict(const eval::TaskSample& sample) {
  if (sample.metrics.empty()) return "";
  std::string all;
  for (const eval::Metric& metric : sample.metrics) {
    all += cat(all.empty() ? "" : ", ", metric.name, " ", metric.value);
  }
  const bool right = sample.metrics.front().value >= 1;
  return element("span",
                 cat("class=\"", right ? "right" : "wrong", "\" title=\"", escaped(all), "\""),
                 right ? "✓ right" : "✗ wrong");
}

std::string sweep_heading(const eval::Report& report, const eval::AdapterSweep& sweep) {
  return report.sweeps.size() > 1 ? element("h3", "", name_text(sweep)) + "\n" : "";
}

/// Neighbours that are changed share one <mark>.
std::string markup_of(const std::vector<Word>& words, size_t count) {
  std::string text;
  for (size_t i = 0; i < count;) {
    size_t end = i;
    std::string part;
    for (; end < count && words[end].changed == words[i].changed; ++end) part += words[end].text;
    text += words[i].changed ? element("mark", "", escaped(part)) : escaped(part);
    i = end;
  }
  return text;
}

/// How many words of a long text are shown at first; all of one that is a little longer only.
size_t shown_words(const std::vector<Word>& words) {
  size_t bytes = 0, rest = 0, count = 0;
  int64_t lines = 0, more_lines = 0;
  for (const Word& word : words) {
    const auto breaks = std::count(word.text.begin(), word.text.end(), '\n');
    if (count == 0 || (rest == 0 && bytes < kShownBytes && lines < int64_t{kShownLines})) {
      ++count, bytes += word.text.size(), lines += breaks;
    } else {
      rest += word.text.size(), more_lines += breaks;
    }
  }
  return rest > kShownBytes / 4 || more_lines > 3 ? count : words.size();
}

/// Long ones are cut: "more" shows the rest, without JavaScript too.
std::string clipped(const std::vector<Word>& words) {
  std::string whole = element("pre", "", markup_of(words, words.size()));
  const size_t shown = shown_words(words);
  if (shown == words.size()) return whole;
  return cat("<details class=\"clip\"><summary><span class=\"start\">", markup_of(words, shown),
             "…</span><span class=\"toggle\"><span class=\"more\">more</span>",
             "<span class=\"less\">less</span></span></summary>", whole, "</details>");
}

/// "rank 2", "ranks 2, 4"
std::string ranks_text(const std::vector<int64_t>& ranks) {
  std::string text = ranks.size() > 1 ? "ranks " : "rank ";
  for (size_t i = 0; i < ranks.size(); ++i) text += cat(i == 0 ? "" : ", ", ranks[i]);
  return text;
}

/// A card for every answer; neighbouring ranks of the same answer share one, and what differs from
/// the card before is marked.
std::string responses(const std::vector<const eval::TaskSample*>& samples) {
  std::string cards;
  const eval::TaskSample* before = nullptr;
  for (size_t i = 0; i < samples.size();) {
    const eval::TaskSample& sample = *samples[i];
    std::vector<int64_t> ranks;
    for (; i < samples.size() && samples[i]->response == sample.response; ++i) {
      ranks.push_back(samples[i]->rank);
    }
    const std::vector<Word> words = before == nullptr
                                        ? words_of(sample.response)
                                        : changed_words(sample.response, before->response);
    cards += cat("<div><h4>", ranks_text(ranks), " ", verdict(sample), "</h4>", clipped(words),
                 "</div>\n");
    before = &sample;
  }
  return element("div", "class=\"box answers\" tabindex=\"0\"", "\n" + cards) + "\n";
}

size_t likeliest(const eval::TaskSample& sample) {
  const std::vector<double>& all = sample.log_likelihoods;
  return static_cast<size_t>(std::max_element(all.begin(), all.end()) - all.begin());
}

/// The likeliest choice is bold, the first of equals; marked where it was another one at the rank
/// before.
std::string choice_cell(const eval::TaskSample& sample, const eval::TaskSample* before,
                        size_t choice) {
  const std::vector<double>& all = sample.log_likelihoods;
  if (choice >= all.size()) return missing_cell();
  const bool best = likeliest(sample) == choice;
  if (!best) return number_cell(all[choice], fixed(all[choice], 2));
  const bool changed = before != nullptr && likeliest(*before) != choice;
  return number_cell(all[choice], fixed(all[choice], 2), changed ? "best changed" : "best");
}

/// A row for every choice, a column for every rank.
std::string choices(const eval::TaskItem& item,
                    const std::vector<const eval::TaskSample*>& samples) {
  std::string head = head_cell("log-likelihood in nats", ""), rows, verdicts;
  for (const eval::TaskSample* sample : samples) {
    head += head_cell(cat("rank\u00a0", sample->rank));
    verdicts += element("td", "class=\"number\"", verdict(*sample));
  }
  for (size_t i = 0; i < item.choices.size(); ++i) {
    const bool right = static_cast<int64_t>(i) == item.gold;
    std::string cells = element("td", right ? "class=\"right\"" : "",
                                (right ? "✓ " : "") + escaped(item.choices[i]));
    const eval::TaskSample* before = nullptr;
    for (const eval::TaskSample* sample : samples) {
      cells += choice_cell(*sample, before, i);
      before = sample;
    }
    rows += element("tr", "", cells) + "\n";
  }
  rows += element("tr", "", "<td></td>" + verdicts) + "\n";
  return table_box("class=\"choices\"", head, rows);
}

std::string item_text(const eval::Report& report, const eval::TaskItem& item, bool open) {
  std::string text = cat("<details class=\"item\"", open ? " open=\"open\"" : "", ">\n<summary>",
                         escaped(cat(item.task, " ", item.index, ": ", beginning(item.prompt))),
                         "</summary>\n<h3>Prompt</h3>\n", clipped(words_of(item.prompt)), "\n");
  if (item.choices.empty()) {
    text += "<h3>Right answer</h3>\n" + clipped(words_of(item.reference)) + "\n";
  }
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    const std::vector<const eval::TaskSample*> samples = samples_of(sweep, item);
    if (samples.empty()) continue;
    text += sweep_heading(report, sweep);
    text += item.choices.empty() ? responses(samples) : choices(item, samples);
  }
  return text + "</details>\n";
}

}  // namespace

std::string answers_section(const eval::Report& report) {
  if (report.items.empty()) return "";
  std::string items;
  for (const eval::TaskItem& item : report.items) items += item_text(report, item, items.empty());
  const char* const picker =
      "<p class=\"picker\" hidden=\"hidden\"><label>Document <select></select></label></p>\n";
  const char* const note = "<p class=\"note\">Marked: what differs from the rank before it.</p>\n";
  return cat("<section>\n<h2>Answers</h2>\n", note, report.items.size() > 1 ? picker : "", items,
             "</section>\n");
}

}  // namespace matlora::report

// sweep.csv and samples.jsonl.
#include <cstdio>

#include "matlora/base/error.h"
#include "matlora/eval/measures.h"
#include "matlora/report/report.h"

namespace matlora::report {
namespace {

/// Keys stay in the order in which a reader looks for them.
using OrderedJson = nlohmann::ordered_json;

std::string digits(const char* pattern, double value) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

/// A field of CSV, in quotes where it needs them.
std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string joined(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) {
    line += quoted(field);
    line += ',';
  }
  line.back() = '\n';
  return line;
}

std::vector<eval::Measure> task_measures(const eval::Report& report) {
  std::vector<eval::Measure> all = eval::measures(report, /*parts=*/true);
  std::erase_if(all, [](const eval::Measure& measure) { return measure.task.empty(); });
  return all;
}

std::vector<std::string> csv_header(const eval::Report& report) {
  std::vector<std::string> names;
  if (report.sweeps.size() > 1) names.emplace_back("sweep");
  names.emplace_back("rank");
  if (eval::has_data(report)) {
    for (const char* name : {"loss", "perplexity", "token_accuracy", "tokens", "loss_stderr",
                             "token_accuracy_stderr"}) {
      names.emplace_back(name);
    }
  }
  names.emplace_back("adapter_parameters");
  names.emplace_back("seconds");
  for (const eval::Measure& measure : task_measures(report)) {
    names.push_back(eval::label_of(measure));
    names.push_back(eval::label_of(measure) + " stderr");
  }
  return names;
}

/// Fields that a row does not have are empty.
std::vector<std::string> csv_row(const eval::Report& report, const eval::AdapterSweep& sweep,
                                 const eval::RankScore& row) {
  std::vector<std::string> fields;
  if (report.sweeps.size() > 1) fields.push_back(printable(sweep.name));
  fields.push_back(std::to_string(row.rank));
  if (eval::has_data(report)) {
    for (const double value : {row.loss, row.perplexity, row.token_accuracy}) {
      fields.push_back(row.tokens > 0 ? digits("%.9g", value) : "");
    }
    fields.push_back(std::to_string(row.tokens));
    for (const auto& error : {row.loss_error, row.token_accuracy_error}) {
      fields.push_back(error ? digits("%.9g", *error) : "");
    }
  }
  fields.push_back(std::to_string(row.adapter_parameters));
  fields.push_back(digits("%.3f", row.seconds));
  for (const eval::Measure& measure : task_measures(report)) {
    const auto metric = eval::metric_of(row, measure);
    fields.push_back(metric ? digits("%.9g", metric->value) : "");
    const bool known = metric && metric->standard_error;
    fields.push_back(known ? digits("%.9g", *metric->standard_error) : "");
  }
  return fields;
}

/// {} or {"sweep": name}: what a line begins with.
OrderedJson line_start(const eval::Report& report, const eval::AdapterSweep& sweep) {
  OrderedJson line = OrderedJson::object();
  if (report.sweeps.size() > 1) line["sweep"] = printable(sweep.name);
  return line;
}

std::string dump(const OrderedJson& line) {
  return line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::string sample_line(OrderedJson line, const eval::Sample& sample) {
  line["rank"] = sample.rank;
  line["index"] = sample.index;
  line["tokens"] = sample.tokens;
  line["nll"] = sample.nll;
  line["correct"] = sample.correct;
  return dump(line);
}

std::string task_sample_line(OrderedJson line, const eval::TaskSample& sample) {
  line["task"] = sample.task;
  line["rank"] = sample.rank;
  line["index"] = sample.index;
  line["metrics"] = OrderedJson::object();
  for (const eval::Metric& metric : sample.metrics) line["metrics"][metric.name] = metric.value;
  if (sample.log_likelihoods.empty()) {
    line["response"] = sample.response;
  } else {
    line["loglikelihoods"] = sample.log_likelihoods;
  }
  return dump(line);
}

}  // namespace

std::string sweep_csv(const eval::Report& report) {
  std::string text = joined(csv_header(report));
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    for (const eval::RankScore& row : sweep.rows) text += joined(csv_row(report, sweep, row));
  }
  return text;
}

std::string samples_jsonl(const eval::Report& report) {
  std::string text;
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    const OrderedJson start = line_start(report, sweep);
    for (const eval::Sample& sample : sweep.samples) text += sample_line(start, sample);
    for (const eval::TaskSample& sample : sweep.task_samples) {
      text += task_sample_line(start, sample);
    }
  }
  return text;
}

}  // namespace matlora::report

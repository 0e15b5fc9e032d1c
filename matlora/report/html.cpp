#include "matlora/report/html.h"

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/base/version.h"
#include "matlora/report/assets.h"
#include "matlora/report/html_parts.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

std::string head(const std::string& title) {
  return cat("<head>\n<meta charset=\"utf-8\"/>\n",
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n",
             "<meta name=\"color-scheme\" content=\"light dark\"/>\n",
             "<meta name=\"generator\" content=\"matlora ", escaped(version()), "\"/>\n",
             element("title", "", escaped(title)), "\n<style>", assets::report_css, panel_style(),
             "</style>\n</head>\n");
}

/// What was scored, in a line.
std::string subject(const eval::Report& report) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (eval::has_data(report)) add(cat(grouped(report.examples), " examples"));
  for (const eval::TaskProtocol& task : report.tasks) {
    if (report.tasks.size() > 4) break;
    add(cat(task.name, " (", task.shots, "-shot, ", grouped(task.documents), " documents)"));
  }
  if (report.tasks.size() > 4) add(cat(report.tasks.size(), " tasks"));
  return text;
}

std::string legend(const Figure& figure) {
  std::string items;
  for (const LegendEntry& entry : legend_of(figure)) {
    items += element("li", "", key_svg(entry.index) + " " + escaped(entry.name)) + "\n";
  }
  return items.empty() ? "" : element("ul", "class=\"legend\"", "\n" + items) + "\n";
}

std::string panels(const Figure& figure, RankScale scale) {
  std::string text;
  for (const Panel& panel : figure.panels) text += panel_svg(panel, scale);
  const bool log2 = scale == RankScale::log2;
  return element("div", cat("class=\"panels ", log2 ? "log" : "linear", "\""), "\n" + text) + "\n";
}

/// Both scales are there; CSS shows the one that is checked.
std::string figures_section(const Figure& figure) {
  if (figure.panels.empty()) return "";
  const auto choice = [](const char* id, const char* state, const char* text) {
    return cat("<input type=\"radio\" name=\"scale\" id=\"", id, "\"", state, "/><label for=\"", id,
               "\">", text, "</label>\n");
  };
  const char* const note =
      "Bars are one standard error up and down. The dashed line is the base model, rank 0.";
  return cat("<section>\n<h2>Over rank</h2>\n<figure class=\"scales\">\n",
             choice("scale-log", " checked=\"checked\"", "log scale"),
             choice("scale-linear", "", "linear scale"), legend(figure),
             panels(figure, RankScale::log2), panels(figure, RankScale::linear),
             element("figcaption", "", note), "\n</figure>\n</section>\n");
}

}  // namespace

std::string report_html(const eval::Report& report, const ReportOptions& options) {
  check(!report.sweeps.empty(), "report: no sweeps");
  const Figure figure = sweep_figure(report, options.earlier);
  const eval::Within within = options.within_or_default();
  std::string body = cat(
      "<header>\n<p class=\"kicker\">matlora sweep</p>\n", element("h1", "", escaped(figure.title)),
      "\n", element("p", "class=\"note\"", escaped(subject(report))), "\n</header>\n", "<main>\n");
  const PageChoices choices = page_choices(report, within);
  body += choice_section(report, choices) + figures_section(figure);
  body += ranks_section(report, choices) + areas_section(report, options.earlier);
  body += answers_section(report) + protocol_section(report) + "</main>\n";
  return cat("<!DOCTYPE html>\n<html lang=\"en\">\n", head(figure.title), "<body>\n", body,
             "<script>", assets::report_js, "</script>\n</body>\n</html>\n");
}

}  // namespace matlora::report

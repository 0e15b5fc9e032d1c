// Labels of a panel: names at the ends of the lines, numbers at points.
#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/report/curve_parts.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

constexpr size_t kMaxName = 17;    // letters of a name at a line's end; the legend has all
constexpr double kNameGap = 16;    // of two names, from line to line
constexpr double kNumberTop = 10;  // a number's height above its line of writing
constexpr double kNumberLetter = 6.4;

/// Whether a segment has a point in a rectangle (Liang and Barsky's clipping).
bool crosses(const Segment& s, double left, double top, double right, double bottom) {
  double begin = 0, end = 1;
  const double dx = s.x2 - s.x1, dy = s.y2 - s.y1;
  const double steps[] = {-dx, dx, -dy, dy};
  const double spaces[] = {s.x1 - left, right - s.x1, s.y1 - top, bottom - s.y1};
  for (int i = 0; i < 4; ++i) {
    if (steps[i] == 0) {
      if (spaces[i] < 0) return false;
      continue;
    }
    const double at = spaces[i] / steps[i];
    if (steps[i] < 0) {
      begin = std::max(begin, at);
    } else {
      end = std::min(end, at);
    }
  }
  return begin <= end;
}

}  // namespace

double margin_of(const std::vector<EndLabel>& labels) {
  size_t most = 0;
  for (const EndLabel& one : labels) most = std::max(most, letters(shortened(one.text, kMaxName)));
  return most == 0 ? 0 : 10 + kLetter * static_cast<double>(most);
}

std::string draw_end_labels(std::vector<EndLabel> labels, double x) {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const EndLabel& a, const EndLabel& b) { return a.y < b.y; });
  double next = kPlotTop + 4;
  for (EndLabel& one : labels) {
    one.y = std::max(one.y, next);
    next = one.y + kNameGap;
  }
  double last = kPlotBottom + kNameGap / 2;
  for (size_t i = labels.size(); i-- > 0;) {
    labels[i].y = std::min(labels[i].y, last);
    last = labels[i].y - kNameGap;
  }
  std::string svg;
  for (const EndLabel& one : labels) {
    svg += label(x, one.y + 4, "start", one.style, shortened(one.text, kMaxName));
  }
  return svg;
}

bool PointLabels::is_free(const Rect& rect) const {
  for (const Segment& segment : obstacles_) {
    if (crosses(segment, rect.left, rect.top, rect.right, rect.bottom)) return false;
  }
  return std::none_of(taken_.begin(), taken_.end(), [&](const Rect& other) {
    return rect.left < other.right && other.left < rect.right && rect.top < other.bottom &&
           other.top < rect.bottom;
  });
}

std::string PointLabels::add(double x, double high, double low, const std::string& text) {
  const double width = kNumberLetter * static_cast<double>(letters(text));
  const double above = high - 9, below = low + 9 + kNumberTop;
  const double level = (high + low + kNumberTop) / 2;
  const struct {
    double left, y;  // of the writing
  } places[] = {{x - width / 2, above}, {x - width / 2, below}, {x - width + 2, above},
                {x - 2, below},         {x - 2, above},         {x - width + 2, below},
                {x + 9, level},         {x - 9 - width, level}};
  for (const auto& one : places) {
    const Rect rect{one.left - 1, one.y - kNumberTop, one.left + width + 1, one.y + 1};
    if (!is_free(rect) || rect.bottom > kPlotBottom || rect.left < kPlotLeft - 6) continue;
    if (rect.top < kPlotTop - kNumberTop) continue;  // the panel's title is there
    taken_.push_back(rect);
    return label(one.left, one.y, "start", "strong value", text);
  }
  return "";
}

}  // namespace matlora::report

#include "matlora/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::train {

Schedule parse_schedule(const std::string& text, const std::string& where) {
  if (text == "linear") return Schedule::linear;
  if (text == "cosine") return Schedule::cosine;
  if (text == "constant") return Schedule::constant;
  const std::vector<std::string> known{"linear", "cosine", "constant"};
  fail(where, "unknown value '", printable(text), "'; expected linear|cosine|constant",
       did_you_mean(text, known));
}

int64_t warmup_steps(int64_t total_steps, double ratio) {
  return static_cast<int64_t>(std::ceil(static_cast<double>(total_steps) * ratio));
}

double learning_rate(Schedule schedule, double peak, int64_t step, int64_t total_steps,
                     int64_t warmup) {
  if (step < warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
  const auto rest = static_cast<double>(std::max<int64_t>(1, total_steps - warmup));
  switch (schedule) {
    case Schedule::linear:
      return peak * static_cast<double>(total_steps - step) / rest;
    case Schedule::cosine: {
      const double progress = static_cast<double>(step - warmup) / rest;
      return peak * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    }
    case Schedule::constant:
      return peak;
  }
  throw BugError("unknown schedule");
}

}  // namespace matlora::train

// The learning rate over a run of T steps, of which the first W warm up, as transformers'
// get_scheduler has it (optimization.py). Step t counts from 0:
//   t < W:     lr · t / W
//   linear:    lr · (T - t) / (T - W)
//   cosine:    lr · (1 + cos(π (t - W) / (T - W))) / 2
//   constant:  lr
#pragma once

#include <cstdint>
#include <string>

#include "matlora/base/error.h"

namespace matlora::train {

enum class Schedule { linear, cosine, constant };

/// Throws UserError at `where` for an unknown name.
Schedule parse_schedule(const std::string& text, const std::string& where);

/// W for a warm-up ratio in 0..1, rounded up.
int64_t warmup_steps(int64_t total_steps, double ratio);

/// 0 <= step < total_steps.
double learning_rate(Schedule schedule, double peak, int64_t step, int64_t total_steps,
                     int64_t warmup);

}  // namespace matlora::train

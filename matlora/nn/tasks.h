// Sharing out work among the threads of a processor. Private to nn's .cpp files.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace matlora::nn {

/// Calls f(task) for 0, 1, .. `count`-1 on all threads: whoever is free takes the next, because
/// another program may hold up any one of them.
template <class F>
void for_tasks(int64_t count, const F& f) {
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, std::min<int64_t>(count, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    for (int64_t task = next++; task < count; task = next++) f(task);
  });
}

}  // namespace matlora::nn

#include "matlora/cli/process.h"

#include <ATen/Parallel.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <thread>

#include "matlora/base/error.h"

namespace matlora::cli {

void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // bytes; the most that glibc takes
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

void restart_with_wishes(char** arguments) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "2000", /*overwrite=*/1);
  setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", /*overwrite=*/0);
  execv("/proc/self/exe", arguments);  // returns only where there is no /proc: then as before
}

int most_threads() {
  return std::max(16, 4 * static_cast<int>(std::thread::hardware_concurrency()));
}

void use_threads(int threads) {
  const int most = most_threads();
  const bool given = threads > 0;
  const int wanted = given ? threads : at::get_num_threads();
  if (wanted > most) {
    fail(given ? "--threads" : "OMP_NUM_THREADS", "expected 1..", most, " on this machine, got ",
         wanted);
  }
  if (given) at::set_num_threads(threads);
}

}  // namespace matlora::cli

#include "matlora/cli/process.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>

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

}  // namespace matlora::cli

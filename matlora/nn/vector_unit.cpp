#include "matlora/nn/vector_unit.h"

#include <cstdlib>
#include <string_view>

namespace matlora::nn {

VectorUnit vector_unit() {
#if defined(__x86_64__)
  const char* wish = std::getenv("MATLORA_CPU");
  const std::string_view limit = wish != nullptr ? wish : "";
  if (limit == "plain") return VectorUnit::none;
  if (__builtin_cpu_supports("avx512f") && limit != "avx2") return VectorUnit::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return VectorUnit::avx2;
#endif
  return VectorUnit::none;
}

}  // namespace matlora::nn

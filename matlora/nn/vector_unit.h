// Which of a processor's instruction sets the products use. Private to nn's .cpp files.
#pragma once

namespace matlora::nn {

enum class VectorUnit { none, avx2, avx512 };

/// This processor's best; MATLORA_CPU=avx2 or =plain in the environment stays below it, for tests
/// and for comparisons.
VectorUnit vector_unit();

}  // namespace matlora::nn

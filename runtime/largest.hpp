// For sources of operators only, which are compiled for vectors (CMakeLists.txt).
#pragma once

#include <cstdint>

namespace forerun {

// The largest of at least one number.
template <class A, class T>
inline A largest_of(const T* numbers, std::int64_t count) {
  A most = A(numbers[0]);
#pragma omp simd reduction(max : most)
  for (std::int64_t i = 0; i < count; ++i) most = A(numbers[i]) > most ? A(numbers[i]) : most;
  return most;
}

}  // namespace forerun

// The largest of many numbers, in lanes that compilers turn into a vector.
#pragma once

#include <cstdint>

namespace forerun {

// Of at least one number, none of them NaN.
template <class A, class T>
inline A largest_of(const T* numbers, std::int64_t count) {
  constexpr int width = 16;
  A lanes[width];
  for (A& lane : lanes) lane = A(numbers[0]);
  std::int64_t i = 0;
  for (; i + width <= count; i += width) {
    for (int lane = 0; lane < width; ++lane)
      lanes[lane] = A(numbers[i + lane]) > lanes[lane] ? A(numbers[i + lane]) : lanes[lane];
  }
  A most = lanes[0];
  for (const A lane : lanes) most = lane > most ? lane : most;
  for (; i < count; ++i) most = A(numbers[i]) > most ? A(numbers[i]) : most;
  return most;
}

}  // namespace forerun

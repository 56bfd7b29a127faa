// Numbers that are the same on every machine: splitmix64 (Steele et al. 2014).
#pragma once

#include <cmath>
#include <cstdint>

namespace forerun {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  double uniform() {  // [0, 1)
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(uniform() * static_cast<double>(n)); }
  // Log-uniform from `least` to `most`, a multiple of `step`.
  std::int64_t size(double least, double most, std::int64_t step = 1) {
    const double drawn = least * std::pow(most / least, uniform());
    const auto steps = static_cast<std::int64_t>(std::llround(drawn / static_cast<double>(step)));
    return (steps < 1 ? 1 : steps) * step;
  }

 private:
  std::uint64_t state_;
};

}  // namespace forerun

// Random numbers of our own: the standard's distributions differ between libraries, and equal seeds must give equal
// bytes.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace forerun {

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): any state is a good one,
// so that numbers may also be drawn by position, from Random(seed ^ mix(position)).
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15u); }

  // Above 0, at most 1.
  constexpr double uniform() { return (static_cast<double>(next() >> 11) + 1) * 0x1p-53; }

  // Mean 0, deviation 1 (Box and Muller, 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace forerun

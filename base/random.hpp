// Random numbers of our own: the standard's distributions differ between libraries, and equal seeds must give equal
// bytes.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace forerun {

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). Any state is a good one,
// so that there are streams of a seed by number, and numbers by place (hash_of).
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  // A stream of many of one seed, which shares nothing with its others nor with those of other seeds: of a task, a
  // rank, a purpose. Where code draws for two purposes, each has a number; seeds that are near each other (seed + rank)
  // would give one user the numbers of another. Stream 0 is Random(seed).
  static constexpr Random stream(std::uint64_t seed, std::uint64_t number) { return Random(seed ^ mix(number)); }

  constexpr std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15u); }

  // From 0 to below 1.
  constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  // Whole, from 0 to n - 1.
  constexpr std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(uniform() * static_cast<double>(n)); }
  // From `least` to `most`, both above 0; each doubling is as likely as another.
  double log_uniform(double least, double most) { return least * std::pow(most / least, uniform()); }
  // Mean 0, deviation 1 (Box and Muller, 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(above_zero()));
    return radius * std::cos(2 * std::numbers::pi * above_zero());
  }

 private:
  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // At most 1.
  constexpr double above_zero() { return (static_cast<double>(next() >> 11) + 1) * 0x1p-53; }

  std::uint64_t state_;
};

// 64 bits that look random, of a seed and a place: of what may be drawn in any order, or again elsewhere.
constexpr std::uint64_t hash_of(std::uint64_t seed, std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0) {
  const auto mixed = [](std::uint64_t bits) { return Random(bits).next(); };
  return mixed(mixed(mixed(mixed(seed) + a) + b) + c);
}
// Of such bits a number between 0 and 1, neither of them.
constexpr double uniform_of(std::uint64_t hash) { return (static_cast<double>(hash >> 11) + 0.5) * 0x1p-53; }

}  // namespace forerun

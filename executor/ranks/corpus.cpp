#include "executor/ranks/corpus.hpp"

namespace forerun {
namespace {

std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

std::uint64_t hash_of(std::uint64_t seed, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  return mixed(mixed(mixed(mixed(seed) + a) + b) + c);
}

double uniform_of(std::uint64_t hash) { return (static_cast<double>(hash >> 11) + 0.5) * 0x1p-53; }

std::vector<std::int32_t> sequence_of(std::uint64_t seed, std::int64_t step, std::int64_t sequence, int length,
                                      int vocab) {
  constexpr double surprise = 0.2;
  const auto of = static_cast<std::uint64_t>(vocab);
  const std::uint64_t key = hash_of(seed, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(sequence));
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(length) + 1);
  std::uint64_t token = hash_of(key, 0) % of;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<std::int32_t>(token);
    const std::uint64_t drawn = hash_of(key, 1, i);
    token = uniform_of(drawn) < surprise ? hash_of(drawn, 2) % of : (5 * token + 3) % of;
  }
  return tokens;
}

}  // namespace forerun

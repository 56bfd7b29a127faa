#include "executor/ranks/corpus.hpp"

#include "base/random.hpp"

namespace forerun {

std::vector<std::int32_t> sequence_of(std::uint64_t seed, std::int64_t step, std::int64_t sequence, int length,
                                      int vocab) {
  constexpr double surprise = 0.2;
  // Apart from the first weights, which are hashed of the seed and their place as tokens are (weights.cpp).
  const std::uint64_t of_text = Random::stream(seed, 1).next();
  const auto of = static_cast<std::uint64_t>(vocab);
  const std::uint64_t key = hash_of(of_text, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(sequence));
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

#include "executor/ranks/token_batch.hpp"

#include "executor/ranks/corpus.hpp"

namespace forerun {

// Causal work is the same on all ranks when each has a piece from the front and its mirror image from the back
// (zig-zag); Ulysses makes it so itself.
std::vector<std::int32_t> positions_of(const Plan& plan, std::int64_t length, int cp_rank) {
  const std::int64_t share = length / plan.cp;
  std::vector<std::int32_t> list;
  const auto append = [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) list.push_back(static_cast<std::int32_t>(first + i));
  };
  if (plan.cp == 1 || plan.cp_kind == CpKind::ulysses) {
    append(cp_rank * share, share);
  } else {
    append(cp_rank * share / 2, share / 2);
    append(length - (cp_rank + 1) * share / 2, share / 2);
  }
  return list;
}

std::vector<std::int32_t> tokens_at_work(const RankContext& rank, TokenUse use) {
  std::int64_t sequence = rank.first_sequence();
  std::vector<std::int32_t> tokens;
  for (const SequenceRun& run : rank.sequences()) {
    const std::vector<std::int32_t> positions = positions_of(rank.plan, run.length, rank.at.cp);
    for (std::int64_t i = 0; i < run.count; ++i) {
      const std::vector<std::int32_t> all =
          sequence_of(rank.options.seed, rank.step, sequence++, static_cast<int>(run.length), rank.given.model.vocab);
      for (const std::int32_t position : positions)
        tokens.push_back(all[static_cast<std::size_t>(position) + (use == TokenUse::target ? 1 : 0)]);
    }
  }
  return tokens;
}

}  // namespace forerun

// Hands out the tokens of a stage's program.
#pragma once

#include "strategies/programs/program.hpp"

namespace forerun {

// No token twice, and none of the numbers 1 to `of_blocks`, which blocks' own passes use: units run one after the
// other and leave nothing on its way, so all of them may use the same ones.
class TokenAllocator {
 public:
  explicit TokenAllocator(std::uint32_t of_blocks) : last_(of_blocks) {}
  TokenId next() { return TokenId{++last_}; }

 private:
  std::uint32_t last_;
};

}  // namespace forerun

// Rows of a file that were not used, counted by reason: a word that is not known leaves its row out, never the others,
// and is never taken for another.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace forerun {

struct SkippedRows {
  std::string reason;
  std::size_t n = 0;
  Problem first;  // of the first of them, for a file of which nothing else is left
};

void count_skipped(std::vector<SkippedRows>&, const std::string& reason, Problem problem);
// Of a file of which no row could be used.
Problems problems_of(const std::vector<SkippedRows>&);

}  // namespace forerun

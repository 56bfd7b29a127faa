#include "validation/skipped_rows.hpp"

#include <algorithm>

namespace forerun {

void count_skipped(std::vector<SkippedRows>& skipped, const std::string& reason, Problem problem) {
  auto found = std::ranges::find(skipped, reason, &SkippedRows::reason);
  if (found == skipped.end()) found = skipped.insert(found, {reason, 0, std::move(problem)});
  ++found->n;
}

Problems problems_of(const std::vector<SkippedRows>& skipped) {
  Problems problems;
  for (const SkippedRows& rows : skipped) problems.push_back(rows.first);
  return problems;
}

}  // namespace forerun

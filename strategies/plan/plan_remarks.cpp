#include "strategies/plan/plan_remarks.hpp"

#include <fmt/format.h>

namespace forerun {

std::vector<std::string> remarks_on(const Scenario& s, const Plan& p) {
  std::vector<std::string> remarks;
  if (p.zero > 0 && p.dp * p.cp == 1)
    remarks.push_back(fmt::format("zero {} shards over dp x cp, which is 1: nothing is sharded", p.zero));
  if (s.model.max_positions > 0 && s.job.sequence > s.model.max_positions) {
    remarks.push_back(fmt::format("sequence {} is longer than the {} positions that {} was made for", s.job.sequence,
                                  s.model.max_positions, s.model.name));
  }
  return remarks;
}

}  // namespace forerun

// A row of a measured file as a scenario and a plan: what it states, what had to be assumed, or why it cannot be
// priced.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "strategies/plan/scenario.hpp"
#include "validation/training/training_rows.hpp"

namespace forerun {

struct ReadRun {
  Scenario scenario;
  Plan plan;
  std::vector<std::string> assumed;  // columns that were empty or not recognised
  bool recompute_unstated = false;   // the plan then says none; what ran is the least that fits
  std::string skipped;               // why the row cannot be priced; the rest is then meaningless
};

// Keeps what it has looked up, so that thousands of rows read the catalogue's files once.
class RunReader {
 public:
  static Result<RunReader> make();
  ReadRun read(const TrainingRow&);
  // The name of the stack that the row is read with: of the one that it names, by whatever alias, its fork or version
  // of that year, or the usual one.
  std::string stack_of(const TrainingRow&);

 private:
  const Result<Cluster>& cluster_of(const std::string& gpu);
  const Result<Stack>& stack_named(const std::string& name);
  bool names_stack(const TrainingRow&);

  std::vector<Model> models_;
  std::map<std::string, Result<Cluster>> clusters_;
  std::map<std::string, Result<Stack>> stacks_;
};

}  // namespace forerun

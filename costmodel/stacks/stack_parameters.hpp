// What of a stack can be fitted to measured runs, and the record of such a fit in its file:
//
//   fitted:
//     runs: "61 of MosaicML llm-foundry MPT benchmarks"
//     date: 2026-11-21
//     where: ["pp = 1", "gpus <= 256"]              # rows that were chosen, as `forerun fit --where` reads it
//     dropped: 735                                  # runs that were not
//     families: [ampere, hopper]                    # of the devices of the runs
//     left_out: 0.06                                # mean error of step times of models that the fit did not see
//     spread: 0.07                                  # of ln(measured / predicted) of the same
//     parameters: [reach.gemm, host.per_kernel]     # that were to be fitted; the keys of `values` where absent
//     values: {reach.gemm: 1.06, host.per_kernel: 15 us}
//
// `left_out` and `spread` are absent where all runs are of one model. The values replace what the rest of the file
// states, which stays there as what was known without the runs.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/stacks/stack.hpp"

namespace forerun {

class YamlNode;

struct StackParameter {
  const char* name;           // as in the stack's file: "host.per_kernel"
  bool is_time;               // seconds; otherwise a share or a factor
  double low, high;
  double width;               // of the logarithm, by which a stated value may be off
  double (*get)(const Stack&);
  void (*set)(Stack&, double);
};
const std::vector<StackParameter>& stack_parameters();
const StackParameter* find_stack_parameter(const std::string& name);  // nullptr: none

struct StackFitRecord {
  std::string runs, date;
  std::vector<std::string> where;          // empty: all
  std::size_t dropped = 0;                 // runs that could be predicted but were not chosen
  std::vector<std::string> families;       // of the devices, sorted; empty: not recorded
  std::optional<double> left_out, spread;  // nullopt: the fit saw every model
  std::vector<std::string> parameters;  // that were to be fitted
  std::vector<std::pair<std::string, double>> values;
};
StackFitRecord read_stack_fit(const YamlNode&);
std::string to_yaml(const StackFitRecord&);  // the block `fitted:`
void apply(const StackFitRecord&, Stack&);

// A stack's file: what it states, and what was fitted to runs.
struct StackFile {
  Stack stated;
  std::optional<StackFitRecord> fit;
};
Stack fitted(StackFile);               // what was fitted in place of what is stated
std::string to_yaml(const StackFile&);  // reading it gives the same stack, to the four digits of what was fitted
Result<StackFile> find_stack_file(const std::string& name_or_path);

// What was fitted to runs; nullopt: nothing. Problems: as find_stack.
Result<std::optional<StackFitRecord>> find_stack_fit(const std::string& name_or_path);
// As find_stack, without what was fitted to runs.
Result<Stack> find_stated_stack(const std::string& name_or_path);
// The text of the stack's file with this record in place of the one that it has. Problems: as find_stack; a text that
// could not be read again.
Result<std::string> stack_text_with(const std::string& name_or_path, const StackFitRecord&);

}  // namespace forerun

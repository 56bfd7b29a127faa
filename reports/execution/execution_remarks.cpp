#include "reports/execution/execution_remarks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/execution/compared_rows.hpp"
#include "reports/scenario_report.hpp"

namespace forerun {
namespace {

// Above this share of the cores, what others do is seen in the times.
constexpr double busy = 0.03;
std::string busy_text(double others) {
  return fmt::format("other programs had {} of the cores meanwhile: these times are not of this machine alone",
                     share_text(others));
}

// Above this, a prediction for equal shares is not that of the run.
constexpr double skewed = 1.02;
std::string skew_text(double skew) {
  return fmt::format(
      "the busiest rank's experts drew {:.2f} times an equal share of the rows, which predictions count "
      "on (--routing balanced runs equal shares)",
      skew);
}

// Does a prediction for one kind of processor stand beside a run on another? "": no.
std::string machine_text(const ExecutedPlan& one) {
  const Device& device = one.scenario.device();
  if ((device.family == "cpu") != one.on_gpus) return "";
  return fmt::format("predicted for {}, run on {}: with --calibration, what `forerun profile{}` measured is predicted",
                     device.name, one.on_gpus ? "a GPU" : "the cores of this machine",
                     one.on_gpus ? " --backend cuda" : "");
}

}  // namespace

std::vector<std::string> remarks_of(const ExecutedPlan& one) {
  std::vector<std::string> remarks;
  if (const std::string text = machine_text(one); !text.empty()) remarks.push_back(text);
  if (one.comparison.expert_skew > skewed) remarks.push_back(skew_text(one.comparison.expert_skew));
  return remarks;
}

std::vector<std::string> remarks_of(const ExecutedPlan& one, const Execution& run) {
  std::vector<std::string> remarks = remarks_of(one);
  if (one.comparison.others > busy) remarks.push_back(busy_text(*one.comparison.others));
  if (static_cast<int>(run.ranks.size()) < one.ranks()) {
    remarks.emplace_back("times, memory and bytes are of rank 0: the others are processes of their own");
  }
  return remarks;
}

std::string disturbed_text(const std::vector<ExecutedPlan>& rows) {
  std::size_t disturbed = 0;
  double most = 0;
  for (const ExecutedPlan& row : rows) {
    const double others = row.comparison.others.value_or(0);
    most = std::max(most, others);
    if (others > busy) ++disturbed;
  }
  if (disturbed == 0) return "";
  return fmt::format(
      "other programs had more than {} of the cores during {} of {} (up to {}): their times are not of "
      "this machine alone",
      share_text(busy), disturbed, counted(rows.size(), "plan"), share_text(most));
}

}  // namespace forerun

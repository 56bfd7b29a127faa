// One rank performs its part of a Program: instruction by instruction, on named tensors. It decides nothing about
// parallelism.
#pragma once

#include <memory>
#include <string>

#include "executor/ranks/expert_rows.hpp"
#include "executor/ranks/messages.hpp"
#include "executor/ranks/rank_clock.hpp"
#include "executor/ranks/rank_context.hpp"
#include "executor/ranks/rank_numbers.hpp"
#include "executor/ranks/rank_report.hpp"

namespace forerun {

template <class T>
class FlatWeights;

class RankExecutor {
 public:
  // All ranks of a world make one, at the same time.
  RankExecutor(const PricedScenario&, const Program&, const RankPlace&, const RunOptions&);

  // One step. With `update` false, gradients stay as they are after the last exchange.
  void step(bool update = true);
  [[nodiscard]] const RankReport& report() const { return report_; }
  [[nodiscard]] double last_loss() const { return report_.losses.back(); }
  [[nodiscard]] Seconds last_time() const {
    return Seconds{std::chrono::duration<double>(report_.steps.back()).count()};
  }
  // Of the last step: the mean over all ranks, and the slowest rank's time, in place of its own.
  void set_last(double loss, Seconds time);

  // T: the format of the job.
  template <class T>
  [[nodiscard]] FlatWeights<T>& weights();
  [[nodiscard]] const StageProgram& program() const { return context_.stage; }
  [[nodiscard]] std::string where() const { return context_.where(); }  // the instruction at work, for messages

 private:
  void perform(const Body&, const Call&);
  void perform(const Instruction&);
  void run(const Instruction&);
  void allocate(TensorId);
  void release(TensorId);
  void write_report();

  RankContext context_;
  RankClock clock_;
  ExpertRows experts_;
  std::unique_ptr<RankNumbers> numbers_;
  Messages messages_;
  RankReport report_;
};

}  // namespace forerun

// Where the time of a rank's step goes: marks on the lanes of its backend, read when the step is done.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "executor/ranks/rank_context.hpp"
#include "executor/ranks/rank_report.hpp"

namespace forerun {

class RankClock {
 public:
  // Where a time is counted: added to one, taken from the other; null: nowhere.
  struct Account {
    Seconds *in = nullptr, *not_in = nullptr;
  };
  // From a mark to another. Known when the step is done.
  struct Timed {
    Account account;
    Mark begin, end;
    const std::string* name = nullptr;  // of what is drawn; null: nothing
    std::uint16_t track = 0;
    std::string_view kind;
  };

  explicit RankClock(RankContext& context) : context_(context) {}

  void begin_step(bool records);
  // Waits until all that is in line is done, and adds up where the time went.
  void end_step();

  // How long `work` takes on the lane in use. `stops`: computation waits for it.
  void time(Lane, bool stops, Account, const std::function<void()>& work);
  // `work` in line on a lane of its own, once what computation has in line is done. `drawn`: as which lane.
  [[nodiscard]] std::shared_ptr<Timed> beside(int lane, Lane drawn, const std::function<void()>& work);
  // For what is neither: begins here; counted, and drawn, once it is added.
  [[nodiscard]] Timed start(Lane, bool stops, Account);
  void add(const Timed& one) { timed_.push_back(one); }

  [[nodiscard]] bool records() const { return records_; }
  void move_memory_here();  // changes of memory from here on happen now; where the step is recorded

  [[nodiscard]] StepTimes& times() { return times_; }
  [[nodiscard]] std::chrono::nanoseconds step() const { return step_; }
  // What is drawn of the step, on an axis that all ranks share. All of them call it.
  void record(RankReport&);

 private:
  [[nodiscard]] const std::string& name_of_instruction();
  void settle();

  RankContext& context_;
  bool records_ = false;
  Clock::time_point origin_;  // when the step began
  std::chrono::nanoseconds step_{};
  StepTimes times_;
  std::vector<Timed> timed_;  // of this step
  std::vector<Interval> intervals_;
  std::shared_ptr<InstructionNames> names_ = std::make_shared<InstructionNames>();
};

}  // namespace forerun

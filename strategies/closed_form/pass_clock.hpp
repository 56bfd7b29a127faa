// Replays the instructions of one pass of one block on one device, alone: how long the compute lane needs.
//
// Communication beside computation: both share the device's processors (a computation wants all of them, a collective
// `contention`), so both run at 1 / (1 + n contention) of their rates while n collectives run, as sim/ has it with
// max-min sharing.
#pragma once

#include <vector>

#include "strategies/closed_form/pass_price.hpp"
#include "strategies/programs/program.hpp"
#include "strategies/programs/work_price.hpp"

namespace forerun {

class PassClock {
 public:
  PassClock(const std::vector<Work>& works, const std::vector<WorkPrice>& prices, double contention)
      : works_(works), prices_(prices), contention_(contention) {}

  void run(const Body&, PassPrice&);  // fills in the times

 private:
  struct Going {
    Lane lane;
    TokenId token;
    std::uint32_t work;
    Seconds left;  // of the part that may hide
  };

  void compute(const Instruction&, PassPrice&);
  void wait(TokenId, PassPrice&);
  void let_pass(Seconds, double rate);
  [[nodiscard]] int running() const;  // collectives at the heads of their lanes
  [[nodiscard]] bool heads_its_lane(std::size_t i) const;

  const std::vector<Work>& works_;
  const std::vector<WorkPrice>& prices_;
  double contention_;
  std::vector<Going> going_;  // in the order of their issue
  Seconds now_;
};

}  // namespace forerun

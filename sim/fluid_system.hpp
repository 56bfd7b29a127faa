// Max-min fair sharing of capacities among flows that come and go.
//
// A flow at rate r takes r * share of each capacity that it demands. Rates are those of progressive filling (Bertsekas
// and Gallager, "Data Networks", 1992, 6.5.2): all rise together from 0; a flow stops at its cap, or when a capacity on
// its way is full, at that capacity's level; the others rise on. A rate of 1 is full speed for a task; for a flow with
// share 1 and no cap it is in the unit of the capacity.
//
// Changes are solved by what they change. A capacity holds the flows that it stopped, and knows its level without
// looking at them:
//   level = (amount - what the others on it take) / (weights of those it holds)
// After a change, capacities are visited in the order of the levels at which they would be full: the order of filling.
// When a level has moved, the flows held at it open (their rates are to be found anew), as do those that take more than
// the new one; open flows stop at the first full capacity or cap. What lies below the first level that moved, or beyond
// capacities whose level did not move, is never looked at: the cost is that of the rates that change, and of the flow's
// own demands where there is room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "sim/demand.hpp"
#include "sim/fluid_sum.hpp"

namespace forerun {

enum class FlowId : std::uint32_t {};  // small; that of a flow that has stopped is given to a later one
constexpr std::size_t index(FlowId id) { return static_cast<std::size_t>(id); }

inline constexpr double no_cap = std::numeric_limits<double>::infinity();

class FluidSystem {
 public:
  CapacityId add(double amount);  // positive

  // `count` flows with the same demands are one: each member has the rate, and takes the shares. Demands on the same
  // capacity add up. A flow without a cap demands something.
  FlowId start(std::span<const Demand>, double cap = 1, std::uint32_t count = 1);
  void stop(FlowId);

  // The running flows that are new, or whose rate differs from what it was at the last call, in a deterministic order;
  // valid until the next one. Solves what has been started and stopped since, all at once: cheaper than one by one.
  std::span<const FlowId> changed();

  // A member's, after changed(). Exact but for rounding; exactly the cap where there is room for it.
  [[nodiscard]] double rate(FlowId) const;

 private:
  static constexpr double never_full = std::numeric_limits<double>::infinity();
  static constexpr std::uint32_t nobody = std::numeric_limits<std::uint32_t>::max();

  // A flow's weight on a capacity is share * count. Each end knows its place in the other's list.
  struct Use {
    std::uint32_t flow, place;
    double weight;
  };
  struct Link {
    std::uint32_t capacity, place;
    double weight;
  };

  struct Flow {
    double rate = 0, cap = 0;
    std::uint32_t holder = nobody;  // the capacity that stopped it; nobody: its cap did
    bool open = false;  // its rate is being found; otherwise it is at rest
    bool running = false;
    std::uint64_t pass = 0;  // that found the rate: no pass does so twice
    std::vector<Link> links;
  };

  struct Capacity {
    double amount;
    double level = 0;  // of those it holds
    double key = never_full;  // of its valid entry in the queue; never_full: none
    RunningSum taken{};  // by flows at rest that others hold: weight * rate
    RunningSum rising{};  // weights of those that it holds or that are open
    std::uint32_t held = 0, open = 0;  // how many these are
    bool touched = false;
    std::vector<Use> uses{};
  };

  struct Entry {
    double key;
    std::uint32_t id;
    bool is_flow;
  };

  [[nodiscard]] static double full_at(const Capacity&);
  [[nodiscard]] double full_with_pressed_at(std::uint32_t capacity) const;
  [[nodiscard]] static double due(const Capacity&, double full);
  void touch(std::uint32_t capacity);
  void queue_touched();
  void queue(std::uint32_t capacity, double due);
  void push(Entry);
  Entry pop();

  void solve();
  void visit(std::uint32_t capacity, double key);
  bool put_off(std::uint32_t capacity, double due, double key);
  bool open_disturbed(std::uint32_t capacity, double key);
  void hold_open_flows(std::uint32_t capacity, double level);
  void open(std::uint32_t flow);
  void let_go(const Flow&);
  void close(std::uint32_t flow, double rate, std::uint32_t holder);
  void unlink(const Link&);

  std::vector<Capacity> capacities_;
  std::vector<Flow> flows_;
  std::vector<std::uint32_t> unused_;  // flows
  std::vector<std::uint32_t> touched_;  // capacities whose key may have fallen
  std::vector<Entry> queue_;  // a heap
  std::vector<FlowId> changed_;
  std::uint64_t pass_ = 1;
};

}  // namespace forerun

// What it costs the replicas of a plan to gather parameters and to reduce gradients.
//
// Ranks that share one copy (`shard`; below ZeRO-1: all replicas) gather or scatter it; under HSDP those that hold the
// same share then add up theirs.
#pragma once

#include "strategies/closed_form/context.hpp"
#include "strategies/closed_form/exchange_table.hpp"
#include "strategies/closed_form/replica_buckets.hpp"
#include "strategies/programs/traffic.hpp"

namespace forerun {

// Exchanges of one rank in a step.
struct ReplicaVolume {
  Seconds communication;
  Seconds error;  // time x spread
  Traffic traffic;
};

class ReplicaPrices {
 public:
  ReplicaPrices(const ClosedFormContext&, ExchangeTable&, const Plan&);

  // Whether there is anybody to talk to, and how many copies there are of dense parameters and of experts.
  [[nodiscard]] bool any() const { return copies(0) > 1 || copies(1) > 1; }
  [[nodiscard]] int copies(std::size_t experts) const {
    return groups_[experts].shard.count * groups_[experts].replica.count;
  }

  // In whole picoseconds, as the simulator takes them.
  Seconds gather(const ReplicaElements& e) {
    Seconds sum = gather(e.dense, 0).time;  // one after the other: a price stays until the next is asked for
    sum += gather(e.expert, 1).time;
    return sum += gather(e.table, 0).time;
  }
  Seconds reduce(const ReplicaElements& e) {
    Seconds sum = reduce(e.dense, 0).time;
    sum += reduce(e.expert, 1).time;
    return sum += reduce(e.table, 0).time;
  }
  void count_gather(const ReplicaElements&, double times, ReplicaVolume&);
  void count_reduce(const ReplicaElements&, double times, ReplicaVolume&);

 private:
  struct Group {
    Axis shard, replica;  // ranks that share one copy; such groups
  };
  struct Price {
    std::int64_t elements = 0;
    Seconds time, error;
  };
  // The last few prices: nearly all chunks have the same units.
  struct Recent {
    std::array<Price, 6> prices{};
    std::size_t next = 0;
  };

  template <class Compute>
  static const Price& recent(Recent&, std::int64_t elements, Compute);
  const Price& gather(std::int64_t elements, std::size_t experts);
  const Price& reduce(std::int64_t elements, std::size_t experts);
  void add(Flow, std::int64_t elements, Bytes element, Axis, Price&);
  void count_gather(std::int64_t elements, std::size_t experts, double times, ReplicaVolume&);
  void count_reduce(std::int64_t elements, std::size_t experts, double times, ReplicaVolume&);
  [[nodiscard]] Flow first_of_reduce() const { return zero_ == 0 ? Flow::dp_all_reduce : Flow::dp_reduce_scatter; }

  ExchangeTable& exchanges_;
  Bytes parameter_, gradient_;  // of one element on its way
  int zero_;
  std::array<Group, 2> groups_;  // dense, experts
  std::array<Recent, 2> gathers_, reduces_;
};

}  // namespace forerun

// What the units of a chunk wait for beside themselves: parameters and gradients of replicas, activations on the host.
//
// ZeRO-0, 1: gradients reduced in buckets beside or after the last backward; ZeRO-1, 2: parameters gathered beside or before the first forward;
// ZeRO-2, 3: units' gradients scattered in every backward; ZeRO-3: units' parameters gathered in every pass. stage_program.cpp has the same as instructions.
#pragma once

#include "strategies/buckets.hpp"
#include "strategies/closed_form.hpp"

namespace forerun {

// Of one stage, beside its passes.
struct ReplicaExchange {
  Seconds before;         // until the first forward may start
  Seconds late;           // by how much the first forward is later than computation alone
  Seconds after;          // from the end of the last backward until all gradients are reduced, with what that slowed backward
  Seconds communication;  // all of it
  std::array<Seconds, error_kinds> error{};
  Traffic traffic;
};

class DataParallel {
 public:
  // Reuses `storage`.
  DataParallel(const ClosedFormContext&, const SplitPrices&, const StageLayout&, const Plan&, std::int64_t micro_batches, std::vector<Seconds>& storage);

  // Whether passes take longer than the sum of their units.
  [[nodiscard]] bool inside_passes() const { return plan_.zero >= 2 || plan_.offload.activations; }
  struct Delays {  // by how much
    Seconds sharding, offload;
  };
  Delays delays(int chunk, PassKind);
  // `arrival`: when the stage can start its first forward.
  ReplicaExchange exchange(int stage, Seconds arrival);

 private:
  struct Group {
    int size = 1, replicas = 1;  // ranks that share one copy; such groups
    Placement shard, replica;
  };
  struct Times {
    Seconds gather, reduce;
  };
  // Computation beside exchanges that only the end waits for.
  struct Backlog {
    double contention;
    Seconds now = {}, lane = {};  // lane: how long it is still busy with what was issued
    void repeat(Seconds work, double busy, Seconds hides, int n);
  };

  [[nodiscard]] Timing time(Flow, double elements, Bytes element, const Placement&) const;
  [[nodiscard]] Seconds gather(std::int64_t elements, int experts);
  [[nodiscard]] Seconds reduce(std::int64_t elements, int experts);
  [[nodiscard]] Times unit_times(const BlockPrice&);
  void units_of(int chunk);
  void cut(int experts);
  Seconds sharding_delay(PassKind);
  Seconds offload_delay(PassKind);
  [[nodiscard]] bool unit_by_unit(int chunk) const;
  template <class Visit>
  void each_bucket(int chunk, PassKind, Visit);
  template <class Exchange>
  Seconds times(double n, Exchange);
  void gather_before(int stage, Seconds arrival, ReplicaExchange&);
  void reduce_after(int stage, ReplicaExchange&);
  void count_sharding(int stage);
  [[nodiscard]] bool like_the_last(int stage) const;
  void note(const Timing&, Flow, double elements, Bytes element, int size);

  const ClosedFormContext& context_;
  const SplitPrices& prices_;
  const StageLayout& layout_;
  const Plan& plan_;
  double micro_batches_, hides_, contention_;
  Bytes element_;
  std::array<Group, 2> groups_;  // dense, experts
  std::vector<const BlockPrice*> units_;
  std::vector<std::int64_t> parameters_;
  std::vector<Bucket> buckets_[2];
  std::vector<Seconds>& storage_;
  ReplicaExchange last_;
  double copies_ = 1;         // how often what is noted happens
  ReplicaExchange* notes_ = nullptr;  // where communication is counted
};

Seconds optimizer_time(const ClosedFormContext&, const Plan&, std::int64_t dense, std::int64_t expert);

}  // namespace forerun

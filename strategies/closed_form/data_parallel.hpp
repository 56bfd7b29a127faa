// What replicas say to each other once a step.
//
// ZeRO-0, 1: gradients reduced in buckets beside or after the last backward; ZeRO-1, 2: parameters gathered beside or
// before the first forward. What is issued when, programs/steps/step_exchanges.hpp says; the lowering writes it as
// instructions (programs/steps/training/step_ends.cpp). What happens in every pass instead is in unit_delays.hpp.
#pragma once

#include "strategies/closed_form/chunk_memory.hpp"
#include "strategies/closed_form/replica_prices.hpp"
#include "strategies/programs/steps/step_exchanges.hpp"

namespace forerun {

// Of one stage, beside its passes.
struct ReplicaExchange {
  Seconds before;  // until the first forward may start
  Seconds late;  // by how much the first forward is later than computation alone
  Seconds after;  // from the end of the last backward until all gradients are reduced, with what that slowed backward
};

class DataParallel {
 public:
  // Reuses `scratch`.
  DataParallel(const ClosedFormContext&, const SplitPrices&, const StageLayout&, const Plan&,
               std::int64_t micro_batches, ReplicaPrices&, ReplicaScratch& scratch);

  // `arrival`: when the stage can start its first forward.
  ReplicaExchange exchange(int stage, Seconds arrival);
  // All exchanges of a stage in a step, those inside the passes too.
  ReplicaVolume volume(const StageLayout::StageKind&);

 private:
  // Computation beside exchanges that only the end waits for.
  struct Backlog {
    double contention;
    Seconds now = {}, lane = {};  // lane: how long it is still busy with what was issued
    void repeat(Seconds work, double busy, Seconds hides, int n);
  };
  // Forwards that wait for exchanges issued before all of them.
  struct Queue {
    Seconds now = {}, lane = {};  // lane: when what was issued so far is done
    void repeat(Seconds hides, Seconds takes, int n);
  };

  struct FirstForwards;
  struct GathersAtStart;

  void cut(const StageLayout::ChunkKind&);
  void cut_in_buckets(const StageLayout::ChunkKind&);
  void add(const BlockPrice&, const ReplicaElements&, int n);
  [[nodiscard]] ReplicaElements elements_of(const BlockPrice&) const;
  [[nodiscard]] bool unit_by_unit(const StageLayout::ChunkKind&) const;
  Seconds gather_before(int stage, Seconds arrival) const;
  Seconds reduce_after(int stage) const;
  [[nodiscard]] std::span<const BucketRun> runs_of(const ChunkBuckets& chunk) const {
    return std::span(scratch_.runs).subspan(chunk.first, chunk.count);
  }

  const ClosedFormContext& context_;
  const SplitPrices& prices_;
  const StageLayout& layout_;
  const Plan& plan_;
  double micro_batches_, hides_, contention_;
  StepExchanges exchanges_;
  double reduce_hides_;
  PassKind back_;  // the pass behind whose units gradients are ready
  ReplicaPrices& replicas_;
  ReplicaScratch& scratch_;
};

// Of the optimiser, where it runs; and of gradients to the host and parameters back, where that is the host.
struct UpdateTime {
  Seconds update, copies;
  [[nodiscard]] Seconds all() const { return update + copies; }
};
UpdateTime update_time(const ClosedFormContext&, const Plan&, std::int64_t dense, std::int64_t expert);

}  // namespace forerun

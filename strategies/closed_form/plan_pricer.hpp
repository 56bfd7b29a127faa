// How the closed form works: what it keeps of the last plan, and the sums from blocks to a step. Inside closed_form/
// only; others use closed_form.hpp.
#pragma once

#include "strategies/closed_form/chunk_memory.hpp"
#include "strategies/closed_form/context.hpp"
#include "strategies/closed_form/data_parallel.hpp"
#include "strategies/closed_form/estimate.hpp"
#include "strategies/closed_form/exchange_table.hpp"
#include "strategies/closed_form/replica_buckets.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/schedules/pipeline_time.hpp"

namespace forerun {

class ReplicaPrices;

class PlanPricer {
 public:
  explicit PlanPricer(const ClosedFormContext& context)
      : context_(context), exchanges_(context.scenario), layouts_(context.kinds, context.scenario.topology) {}
  PlanPricer(const PlanPricer&) = delete;
  PlanPricer& operator=(const PlanPricer&) = delete;

  void memory(const SplitPrices&, const Plan&, MemoryUse&);
  // All but the memory, for the plan of the last call to memory().
  void time(const SplitPrices&, const Plan&, Estimate&);
  const PassTimes& times(const SplitPrices&, const Plan&);  // of the passes of all chunks

 private:
  [[nodiscard]] std::vector<ChunkMemory> copies_on_host(const SplitPrices&) const;
  struct Hop {
    Seconds all, stops;
    double spread = 0;
  };
  // Of one kind of chunk and one micro-batch.
  struct ChunkSum {
    Seconds forward, backward;  // with all that interrupts them
    Seconds input_gradient, weight_gradient;
    Seconds forward_alone, back_alone;  // the blocks alone, and the least that a schedule makes of the way back
    Seconds sharding, offload;  // delays of all passes
  };
  // Of one kind of stage.
  struct StageSum {
    StageWeights weights;  // on a rank
    Seconds work, alone;  // of one micro-batch
    UpdateTime update;
    Seconds update_alone;  // without the second copy of a tied table
    Timing summed;  // gradients of what a tensor group holds whole, under sequence parallelism
    Seconds mirror;  // DualPipe: gradients of the stage that holds the same chunks
  };
  // From the first forward of a step to its end.
  struct Step {
    double runs = 0;  // of every chunk
    std::int64_t tied = 0;  // gradients of a tied table that both ends add up
    Timing tie;
    std::size_t busiest = 0;  // the kind of stage that works longest: the one whose time is broken down
    Seconds before, late, end;
    Seconds after;  // on the busiest stage: what its replicas exchange after the last backward
    Seconds length;  // of all of it
  };
  using Errors = std::array<Seconds, error_kinds>;  // time x spread

  void lay_out(const SplitPrices&, const Plan&);
  [[nodiscard]] Hop hop_over(const Boundary&, const Communication& message, Bytes boundary, const Plan&);
  void price_hops(const SplitPrices&, const Plan&);
  [[nodiscard]] const Hop& hop_after(int stage) const { return hops_[layout_->boundary_after(stage)]; }
  void pass_times(const SplitPrices&, const Plan&, ReplicaPrices&);
  void sum_blocks(const SplitPrices&, const Plan&, const StageLayout::ChunkKind&, ChunkSum&) const;
  void sum_stages(const Plan&, std::int64_t tied);
  [[nodiscard]] Timing tie_time(const Plan&, std::int64_t tied);
  [[nodiscard]] Timing summed_time(const Plan&, const StageSum&);
  [[nodiscard]] Seconds mirror_time(const Plan&, const StageSum&);
  [[nodiscard]] Step run(const Plan&, std::int64_t micro_batches, DataParallel&);
  [[nodiscard]] Seconds lower_bound(const Plan&, double runs) const;
  [[nodiscard]] Errors break_down(const SplitPrices&, const Plan&, const Step&, DataParallel&, Estimate&) const;
  void add_blocks(const SplitPrices&, const Plan&, const Step&, Errors&, Estimate&) const;
  void count_sends(const SplitPrices&, const Plan&, double runs, Traffic&) const;
  void rate(const SplitPrices&, const Plan&, double runs, Estimate&) const;

  const ClosedFormContext& context_;
  ExchangeTable exchanges_;
  LayoutTable layouts_;
  PipelineTime pipeline_;
  // Of the last plan:
  const StageLayout* layout_ = nullptr;
  std::vector<ChunkSum> chunk_sums_;  // by kind of chunk
  std::vector<StageSum> stage_sums_;  // by kind of stage
  std::vector<ChunkMemory> chunk_memories_;
  std::vector<StageMemory> held_;  // by kind of stage, without what comes and goes
  std::vector<Hop> hops_;  // over each of the layout's boundaries
  PassTimes times_;
  std::vector<Seconds> finish_;  // of each stage
  std::vector<UnitRun> units_;
  ReplicaScratch replica_scratch_;
};

}  // namespace forerun

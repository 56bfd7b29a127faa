// What a plan costs: time, memory, bytes, energy, money, each broken down.
#pragma once

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "costmodel/timing.hpp"
#include "strategies/scenario.hpp"
#include "strategies/traffic.hpp"

namespace forerun {

// Where the step's time goes, on the rank of the slowest stage. The sum of all but `hidden` is the step.
struct Breakdown {
  Seconds compute;                     // forward and backward kernels
  Seconds recompute;                   // forward kernels that backward runs again
  std::array<Seconds, 5> exposed{};    // communication that the rank waits for, by Dimension
  std::array<Seconds, 5> hidden{};     // communication beside computation
  Seconds bubble;                      // waiting for other pipeline stages
  Seconds optimizer;                   // where it runs on the host: with its copies
  Seconds offload;                     // waiting for activations on their way to or from the host
  Seconds host;                        // framework floor of a step

  [[nodiscard]] Seconds exposed_in(Dimension d) const { return exposed[static_cast<std::size_t>(d)]; }
  [[nodiscard]] Seconds hidden_in(Dimension d) const { return hidden[static_cast<std::size_t>(d)]; }
  [[nodiscard]] Seconds total() const;
};

// Bytes on one device of a stage when it holds most.
struct StageMemory {
  Bytes parameters, gradients, optimizer;
  Bytes activations;    // saved, of all micro-batches in flight
  Bytes gathered;       // ZeRO-3: parameters of the block at work and of the next
  Bytes transient;      // gradients of activations, what recompute rebuilt, buffers of the loss
  Bytes communication;  // buckets and exchange buffers inside the allocator
  Bytes workspace;      // of the matrix library

  [[nodiscard]] Bytes allocated() const;
};

struct MemoryUse {
  std::vector<StageMemory> stages;
  int peak_stage = 0;
  Bytes reserve;        // of the caching allocator over what is allocated, at the peak stage
  Bytes context;        // driver, libraries and communicators, outside the allocator
  Bytes capacity;       // of the device

  [[nodiscard]] const StageMemory& peak() const { return stages[static_cast<std::size_t>(peak_stage)]; }
  [[nodiscard]] Bytes total() const { return peak().allocated() + reserve + context; }
  // With a share of the capacity left free: what an allocator reserves varies between ranks and runs.
  [[nodiscard]] bool fits(double headroom_share = 0) const { return total() <= (1 - headroom_share) * capacity; }
  [[nodiscard]] Bytes headroom() const { return capacity - total(); }  // negative: short by that much
};

// Fills in what does not depend on a stage: the peak stage, what the allocator reserves, the runtime's context.
void finish(const PricedScenario&, const Plan&, MemoryUse&);

struct Estimate {
  Timing step;
  Seconds lower_bound;  // no order of the plan's passes makes a step shorter: see ClosedForm
  Breakdown breakdown;
  MemoryUse memory;
  Traffic traffic;      // of the rank that sends most, a step
  double tokens_per_second = 0;  // all devices
  double mfu = 0;  // model FLOPs (full attention square, as Narayanan et al. 2021 count) over the job's dense peak x
                   // devices x step
  double hfu = 0;  // the same with recomputed FLOPs
  Joules energy;  // of all devices, a step
  std::optional<Dollars> cost;  // of a step, where the device has a price
};

// Why a plan does not fit: an answer, not an error.
struct DoesNotFit {
  MemoryUse memory;
  std::string binding;  // "activations at stage 0"
};

}  // namespace forerun

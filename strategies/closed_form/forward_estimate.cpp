#include "strategies/closed_form/forward_estimate.hpp"

#include <algorithm>

#include "sim/tick.hpp"
#include "strategies/closed_form/stage_layout.hpp"
#include "strategies/closed_form/step_timing.hpp"
#include "strategies/plan/chunks.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/inference/forward_blocks.hpp"
#include "strategies/schedules/schedules.hpp"

namespace forerun {
namespace {

using Errors = std::array<Seconds, error_kinds>;  // time x spread

// One pass of one kind of chunk over one shape of micro-batch.
struct ForwardPassPrice {
  Seconds time;
  Bytes peak;
  Errors error{};
};

// A message between stages about one shape of micro-batch.
struct Message {
  Seconds stops, hides;
  Errors error{};
};

ForwardPassPrice price_pass(const SplitPrices& prices, const StageLayout::ChunkKind& kind) {
  ForwardPassPrice pass;
  Bytes now = kind.sends_back ? prices.boundary : Bytes{0};  // received
  pass.peak = now;
  each_run(kind.runs, prices, [&](const BlockPrice& price, int n) {
    const PassPrice& forward = price.forward;
    pass.time += static_cast<double>(n) * forward.total;
    pass.peak = max(pass.peak, max(now, now + (n - 1.0) * forward.left) + forward.peak);
    now += static_cast<double>(n) * forward.left;
    for (std::size_t k = 0; k < error_kinds; ++k) pass.error[k] += static_cast<double>(n) * price.error[k];
  });
  return pass;
}

class ForwardForm {
 public:
  ForwardForm(const PricedScenario& scenario, const Plan& plan, const ForwardBatch& batch)
      : scenario_(scenario),
        given_(without_dropout(scenario.given)),
        plan_(plan),
        kinds_(block_kinds(given_.model)),
        shapes_(shapes_of(batch)),
        table_(forward_schedule(plan.pp, plan.virtual_stages, static_cast<int>(batch.size()))) {
    layout_.assign(kinds_, scenario.topology, plan);
    for (const MicroBatch& shape : shapes_.distinct) price(shape);
  }

  ForwardEstimate estimate(const ForwardBatch& batch) {
    ForwardEstimate e;
    const Seconds length = run();
    e.step = step_timing(scenario_, length, errors(length));
    e.memory = memory();
    std::int64_t tokens = 0;
    for (const MicroBatch& one : batch) tokens += tokens_of(one);
    e.tokens_per_second = static_cast<double>(plan_.dp * tokens) / length.value();
    return e;
  }

 private:
  void price(const MicroBatch& shape) {
    const Split split = split_of(plan_);
    const double load = split.ep > 1 ? given_.job.expert_skew : 1;
    prices_.push_back(price_split(scenario_, lower_forward_split(given_, kinds_, split, shape, load), split,
                                  boundary_bytes(given_, shape, split)));
    passes_.emplace_back();
    for (const StageLayout::ChunkKind& kind : layout_.chunk_kinds())
      passes_.back().push_back(price_pass(prices_.back(), kind));
    messages_.emplace_back();
    for (const Boundary& boundary : layout_.boundaries())
      messages_.back().push_back(price_message(prices_.back().boundary, boundary));
  }

  [[nodiscard]] Message price_message(Bytes bytes, const Boundary& boundary) const {
    const Communication c = pipeline_message(given_, plan_, Flow::pp_send_forward, bytes);
    const WorkPrice price = price_message_over(scenario_, c, placements_of(scenario_.topology, plan_), boundary);
    return {(1 - c.hidden) * price.time, c.hidden * price.time, price.error};
  }

  struct OnStage {
    Seconds now, lane;  // lane: when the last message has left
    Seconds work;
    Errors error{};
  };

  // Stages in turn, each as far as its messages let it.
  Seconds run() {
    const auto micro_batches = static_cast<std::size_t>(table_.micro_batches);
    const Seconds floor = to_seconds(to_ticks(given_.stack.host_per_step));
    stages_.assign(static_cast<std::size_t>(plan_.pp), {.now = floor});
    arrived_.assign(static_cast<std::size_t>(chunk_count(plan_)) * micro_batches, Seconds::infinity());
    std::fill_n(arrived_.begin(), micro_batches, Seconds{0});
    std::vector<std::size_t> next(stages_.size(), 0);
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t s = 0; s < stages_.size(); ++s) {
        const auto list = table_.of(static_cast<int>(s));
        for (; next[s] < list.size() && run(s, list[next[s]]); ++next[s]) moved = true;
      }
    }
    return std::ranges::max_element(stages_, {}, &OnStage::now)->now;
  }

  // False: its message is not there yet.
  bool run(std::size_t s, const Pass& pass) {
    const int stage = static_cast<int>(s), chunk = chunk_on(plan_, stage, pass.chunk);
    const auto m = static_cast<std::size_t>(pass.micro_batch), shape = shapes_.of_micro_batch[m],
               at = static_cast<std::size_t>(chunk) * static_cast<std::size_t>(table_.micro_batches) + m;
    if (arrived_[at] == Seconds::infinity()) return false;
    OnStage& on = stages_[s];
    const auto kind = static_cast<std::size_t>(layout_.kinds_on(stage)[static_cast<std::size_t>(pass.chunk)]);
    add(on, passes_[shape][kind].time, passes_[shape][kind].error);
    on.now = max(on.now, arrived_[at]) + passes_[shape][kind].time;
    const std::optional<std::size_t> boundary = layout_.chunk_kinds()[kind].sends_on;
    if (!boundary) return true;
    const Message& message = messages_[shape][*boundary];
    add(on, message.stops, message.error);
    if (message.stops > Seconds{0}) {
      on.lane = max(on.now, on.lane) + message.stops;
      on.now = on.lane;
    }
    on.lane = max(on.now, on.lane) + message.hides;
    arrived_[at + static_cast<std::size_t>(table_.micro_batches)] = on.lane;
    return true;
  }

  static void add(OnStage& on, Seconds work, const Errors& error) {
    on.work += work;
    for (std::size_t k = 0; k < error_kinds; ++k) on.error[k] += error[k];
  }

  // Of the stage that works longest; what it waits for is the same kernels on other stages.
  [[nodiscard]] Errors errors(Seconds length) const {
    const OnStage& busiest = *std::ranges::max_element(stages_, {}, &OnStage::work);
    const double waits = busiest.work > Seconds{0} ? std::max(1.0, length / busiest.work) : 1;
    Errors all = busiest.error;
    for (Seconds& part : all) part *= waits;
    return all;
  }

  [[nodiscard]] MemoryUse memory() const {
    Bytes boundary{0};
    for (const SplitPrices& prices : prices_) boundary = max(boundary, prices.boundary);
    MemoryUse use;
    for (int stage = 0; stage < plan_.pp; ++stage) {
      StageWeights weights;
      each_run(layout_.stage_kinds()[layout_.kind_of_stage(stage)].units, prices_.front(),
               [&](const BlockPrice& price, int n) { weights.add(price, n); });
      StageMemory& own = use.stages.emplace_back(held_forward_memory(given_, plan_, weights, boundary));
      for (const std::vector<ForwardPassPrice>& of_shape : passes_) {
        for (const int kind : layout_.kinds_on(stage))
          own.transient = max(own.transient, of_shape[static_cast<std::size_t>(kind)].peak);
      }
    }
    finish(scenario_, plan_, use);
    return use;
  }

  const PricedScenario& scenario_;
  Scenario given_;
  const Plan& plan_;
  BlockKinds kinds_;
  BatchShapes shapes_;
  ScheduleTable table_;
  StageLayout layout_;
  std::vector<SplitPrices> prices_;                    // by shape
  std::vector<std::vector<ForwardPassPrice>> passes_;  // by shape and kind of chunk
  std::vector<std::vector<Message>> messages_;         // by shape and boundary
  std::vector<OnStage> stages_;
  std::vector<Seconds> arrived_;  // [chunk][micro-batch]: its input
};

}  // namespace

ForwardEstimate estimate_forward(const PricedScenario& scenario, const Plan& plan, const ForwardBatch& batch) {
  return ForwardForm(scenario, plan, batch).estimate(batch);
}

}  // namespace forerun

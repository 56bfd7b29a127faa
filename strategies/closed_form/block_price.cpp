#include "strategies/closed_form/block_price.hpp"

#include <algorithm>

#include "strategies/closed_form/pass_clock.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/programs/steps/stage_program.hpp"

namespace forerun {
namespace {

constexpr std::size_t index(MemoryKind kind) { return static_cast<std::size_t>(kind); }

// Walks a pass in the order of its instructions: memory follows that, not time.
void add_memory(const BlockProgram& block, PassKind kind, PassPrice& price) {
  const bool forward = kind == PassKind::forward;
  const TensorId made = forward ? BlockProgram::output : BlockProgram::input_gradient;
  price.found = block.tensors[forward ? BlockProgram::input : BlockProgram::output_gradient].kind;
  std::array<Bytes, memory_kinds>& now = price.at_end;
  Bytes sum{0};
  const auto add = [&](TensorId id, double sign) {
    const Tensor& tensor = block.tensors[id];
    (id == made ? price.made : now[index(tensor.kind)]) += sign * tensor.bytes;
    sum += sign * tensor.bytes;
  };
  const Body& body = block.pass(kind);
  for (const Instruction& in : body.instructions) {
    const TensorId* touch = body.touches.data() + in.first_touch;
    for (std::uint32_t i = 0; i < in.allocates; ++i) add(*touch++, 1);
    if (sum > price.peak) price.peak = sum, price.at_peak = now, price.made_at_peak = price.made;
    for (std::uint32_t i = 0; i < in.releases; ++i) add(*touch++, -1);
  }
  price.left = sum;
}

// As utilisation counts: what mask and window leave, also where software writes out all scores.
Flops useful_flops(const Computation& c, double visible) {
  Flops sum{0};
  for (const Kernel& kernel : c.kernels) {
    const bool scores = c.kind == OperatorKind::attention_core && std::holds_alternative<Gemm>(kernel);
    sum += (scores ? visible : 1) * flops(kernel);
  }
  return sum;
}

class BlockPricer {
 public:
  BlockPricer(const PricedScenario& scenario, const BlockProgram& block, const Split& split,
              const Placements& placements)
      : block_(block),
        split_(split),
        grid_(split),
        prices_(price_works(scenario, block.works, placements)),
        contention_(scenario.given.stack.contention) {}

  BlockPrice price() {
    BlockPrice p;
    p.parameters = block_.parameters;
    p.expert_parameters = block_.expert_parameters;
    p.replicated = block_.replicated;
    p.frozen = block_.frozen;
    p.frozen_experts = block_.frozen_experts;
    p.table = block_.table, p.borrowed = block_.borrowed, p.borrowed_frozen = block_.borrowed_frozen,
    p.early = block_.early;
    p.runs_backward = block_.runs_backward;
    p.forward = pass(PassKind::forward);
    p.backward = pass(PassKind::backward);
    if (split_.apart)
      p.input_gradient = pass(PassKind::input_gradient), p.weight_gradient = pass(PassKind::weight_gradient);
    p.saved = saved();
    for (const PassKind kind : {PassKind::forward, PassKind::backward}) count(block_.pass(kind), p);
    return p;
  }

 private:
  PassPrice pass(PassKind kind) {
    PassPrice price;
    PassClock clock(block_.works, prices_, contention_);
    clock.run(block_.pass(kind), price);
    add_memory(block_, kind, price);
    return price;
  }

  [[nodiscard]] Bytes saved() const {
    Bytes sum{0};
    for (const TensorId id : saved_tensors(block_)) sum += block_.tensors[id].bytes;
    return sum;
  }

  void count(const Body& body, BlockPrice& p) const {
    for (const Instruction& in : body.instructions) {
      if (in.code != Code::run) continue;
      const Work& work = block_.works[in.work];
      for (std::size_t k = 0; k < error_kinds; ++k) p.error[k] += prices_[in.work].error[k];
      if (const Communication* c = std::get_if<Communication>(&work)) {
        p.traffic.add(c->flow, c->elements, c->element, grid_.size(c->group));
      } else if (const Computation* k = std::get_if<Computation>(&work); k != nullptr && k->part == Part::recompute) {
        p.recomputed += useful_flops(*k, block_.visible);
      }
    }
  }

  const BlockProgram& block_;
  const Split& split_;
  const RankGrid grid_;
  std::vector<WorkPrice> prices_;
  double contention_;
};

// Inside a block only these talk; where they sit does not depend on the rest of the plan.
Placements placements_inside_blocks(const Topology& topology, const Split& split) {
  const RankGrid grid(split);
  Placements list;
  for (const GroupKind kind : {GroupKind::tp, GroupKind::cp, GroupKind::ep, GroupKind::etp})
    list[static_cast<std::size_t>(kind)] = place(topology, {grid.axis(kind)});
  return list;
}

}  // namespace

BlockPrice price_block(const PricedScenario& scenario, const BlockProgram& block, const Split& split,
                       const Placements& placements) {
  return BlockPricer(scenario, block, split, placements).price();
}

SplitPrices SplitPricer::operator()(const Split& split) {
  const Scenario& given = scenario_.given;
  Split same = split;
  if (last_) same.recompute = last_->recompute;
  if (last_ != same) {
    placements_ = placements_inside_blocks(scenario_.topology, split);
    blocks_.clear();
    const double load = split.ep > 1 ? given.job.expert_skew : 1;
    for (const Block& block : kinds_.distinct) blocks_.push_back(block_parts(given, block, split, load));
    embedding_ = price_block(scenario_, lower_embedding(given, split), split, placements_);
    head_ = price_block(scenario_, lower_head(given, split), split, placements_);
    last_ = split;
  }
  SplitPrices prices;
  prices.boundary = boundary_bytes(given, split);
  prices.blocks.reserve(blocks_.size());
  for (const BlockParts& block : blocks_)
    prices.blocks.push_back(price_block(scenario_, lower(block, split.recompute, split.apart), split, placements_));
  prices.embedding = embedding_, prices.head = head_, prices.lone_head = on_its_own(head_);
  return prices;
}

SplitPrices price_split(const PricedScenario& scenario, const BlockKinds& kinds, const Split& split) {
  return SplitPricer(scenario, kinds)(split);
}

SplitPrices price_split(const PricedScenario& scenario, const SplitPrograms& programs, const Split& split,
                        Bytes boundary) {
  const Placements placements = placements_inside_blocks(scenario.topology, split);
  const auto price = [&](const BlockProgram& block) { return price_block(scenario, block, split, placements); };
  SplitPrices prices;
  for (const BlockProgram& block : programs.blocks) prices.blocks.push_back(price(block));
  prices.embedding = price(programs.embedding);
  prices.head = price(programs.head);
  prices.lone_head = on_its_own(prices.head);
  prices.boundary = boundary;
  return prices;
}

}  // namespace forerun

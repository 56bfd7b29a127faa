#include "strategies/plan/chunks.hpp"

#include <algorithm>

namespace forerun {

int chunk_count(const Plan& plan) { return plan.pp * plan.virtual_stages; }
int chunks_per_stage(const Plan& plan) { return runs_both_ways(plan) ? 2 : plan.virtual_stages; }

int stage_of(const Plan& plan, int chunk, int up) {
  switch (traits(plan.schedule).route) {
    case ChunkRoute::round_robin:
      break;
    case ChunkRoute::there_and_back:
      return chunk < plan.pp ? chunk : 2 * plan.pp - 1 - chunk;
    case ChunkRoute::both_ways:
      return up == 0 ? chunk : plan.pp - 1 - chunk;
  }
  return chunk % plan.pp;
}

int local_chunk(const Plan& plan, int chunk, int up) {
  return traits(plan.schedule).route == ChunkRoute::both_ways ? up : chunk / plan.pp;
}

int chunk_on(const Plan& plan, int stage, int local) {
  switch (traits(plan.schedule).route) {
    case ChunkRoute::round_robin:
      break;
    case ChunkRoute::there_and_back:
      return local == 0 ? stage : 2 * plan.pp - 1 - stage;
    case ChunkRoute::both_ways:
      return local == 0 ? stage : plan.pp - 1 - stage;
  }
  return local * plan.pp + stage;
}

bool ends_meet(const Plan& plan) { return plan.pp == 1 || traits(plan.schedule).route != ChunkRoute::round_robin; }

void chunk_begins(const Plan& plan, int blocks, std::vector<std::size_t>& begins) {
  const int chunks = plan.pp * plan.virtual_stages;
  begins.resize(static_cast<std::size_t>(chunks) + 1);
  const bool ends = plan.cut == StageCut::even_with_ends && chunks > 1;
  const int total = ends ? blocks + 2 : blocks;
  const int larger = total % chunks;
  std::size_t next = 0;
  for (int c = 0; c < chunks; ++c) {
    begins[static_cast<std::size_t>(c)] = next;
    if (plan.cut == StageCut::list) {
      next += static_cast<std::size_t>(plan.stages[static_cast<std::size_t>(c)].blocks);
      continue;
    }
    const bool enlarged = c >= 1 && c <= larger;
    const bool shortened = ends && (c == 0 || c == chunks - 1);
    next += static_cast<std::size_t>(total / chunks + (enlarged ? 1 : 0) - (shortened ? 1 : 0));
  }
  begins.back() = next;
}

std::vector<Stage> chunks_by_weights(const Model& model, int chunks) {
  std::vector<std::int64_t> sums{0};
  for (const Block& block : model.blocks)
    sums.push_back(sums.back() + mixer_parameters(model, block) +
                   feed_forward_parameters(block.hidden, block.feed_forward));
  const std::int64_t all = sums.back() + std::int64_t{model.vocab} * model.hidden;
  std::vector<Stage> list(static_cast<std::size_t>(chunks));
  std::int64_t filled = 0;
  for (std::size_t i = 1; i < sums.size(); ++i) {
    ++list[static_cast<std::size_t>(filled)].blocks;
    if (filled + 1 < chunks && sums[i] * chunks > all * (filled + 1)) ++filled;
  }
  return list;
}

std::int64_t in_flight(const Plan& plan, int stage, int virtual_stage, std::int64_t micro_batches) {
  if (plan.pp == 1) return 1;
  const std::int64_t pp = plan.pp, v = plan.virtual_stages;
  if (traits(plan.schedule).formula == PipelineFormula::forwards_first) return micro_batches;
  if (v == 1) return std::min<std::int64_t>(micro_batches, pp - stage);
  const std::int64_t passes = std::min(micro_batches * v, 2 * (pp - stage - 1) + (v - 1) * pp + 1);
  const std::int64_t turns = passes / pp;  // whole turns of pp passes; turn t belongs to virtual stage t % v
  const std::int64_t whole = turns / v + (virtual_stage < turns % v ? 1 : 0);
  return whole * pp + (virtual_stage == turns % v ? passes % pp : 0);
}

}  // namespace forerun

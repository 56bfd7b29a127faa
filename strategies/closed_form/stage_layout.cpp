#include "strategies/closed_form/stage_layout.hpp"

#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

// Which way chunks take over the stages.
std::uint64_t route(const Plan& plan) { return static_cast<std::uint64_t>(traits(plan.schedule).route); }

}  // namespace

void StageLayout::assign(const BlockKinds& kinds, const Topology& topology, const Plan& plan) {
  kinds_ = &kinds;
  chunks_ = chunk_count(plan), stages_ = plan.pp, ends_meet_ = ends_meet(plan),
  locals_ = static_cast<std::size_t>(chunks_per_stage(plan));
  chunk_begins(plan, static_cast<int>(kinds.of_layer.size()), begin_);
  find_boundaries(topology, plan);
  find_chunk_kinds(plan);
  uneven_ = false;
  for (int chunk = 2; chunk + 1 < chunks_; ++chunk) uneven_ |= !equal_blocks(1, chunk);
  on_stage_.clear();
  for (int stage = 0; stage < stages_; ++stage) {
    for (int local = 0; local < static_cast<int>(locals_); ++local) {
      const int chunk = chunk_on(plan, stage, local) + direction_of(plan, local) * chunks_;
      on_stage_.push_back(kind_of_chunk_[static_cast<std::size_t>(chunk)]);
    }
  }
  for (const int kind : on_stage_) ++chunk_kinds_[static_cast<std::size_t>(kind)].count;
  find_stage_kinds();
}

bool StageLayout::equal_blocks(int a, int b) const {
  if (has_embedding(a) != has_embedding(b) || has_head(a) != has_head(b) || end(a) - begin(a) != end(b) - begin(b))
    return false;
  for (std::size_t i = begin(a), j = begin(b); i < end(a); ++i, ++j) {
    if (kinds_->of_layer[i] != kinds_->of_layer[j]) return false;
  }
  return true;
}

UnitRef StageLayout::first_unit(int chunk) const {
  if (has_embedding(chunk)) return {UnitRef::Kind::embedding};
  if (begin(chunk) < end(chunk)) return {.block = kinds_->of_layer[begin(chunk)]};
  return {ends_meet_ ? UnitRef::Kind::head : UnitRef::Kind::lone_head};
}

UnitRef StageLayout::last_unit(int chunk) const {
  if (has_head(chunk)) return {ends_meet_ ? UnitRef::Kind::head : UnitRef::Kind::lone_head};
  if (begin(chunk) < end(chunk)) return {.block = kinds_->of_layer[end(chunk) - 1]};
  return {UnitRef::Kind::embedding};
}

// Of neighbours of one kind.
std::vector<StageLayout::Run> StageLayout::runs_of(int chunk) const {
  std::vector<Run> runs;
  if (has_embedding(chunk)) runs.push_back({{UnitRef::Kind::embedding}, 1});
  for (std::size_t layer = begin(chunk); layer < end(chunk);) {
    const std::size_t next = std::min(kinds_->end_of_run[layer], end(chunk));
    runs.push_back({{.block = kinds_->of_layer[layer]}, static_cast<int>(next - layer)});
    layer = next;
  }
  if (has_head(chunk)) runs.push_back({{ends_meet_ ? UnitRef::Kind::head : UnitRef::Kind::lone_head}, 1});
  return runs;
}

void StageLayout::find_boundaries(const Topology& topology, const Plan& plan) {
  boundaries_.clear(), after_.clear();
  for (const Boundary& boundary : boundaries_of(topology, plan)) {
    const auto known = std::find(boundaries_.begin(), boundaries_.end(), boundary);
    after_.push_back(static_cast<std::size_t>(known - boundaries_.begin()));
    if (known == boundaries_.end()) boundaries_.push_back(boundary);
  }
}

int StageLayout::kind_of(const ChunkKind& found) {
  const auto known = std::find_if(chunk_kinds_.begin(), chunk_kinds_.end(), [&](const ChunkKind& kind) {
    return kind.sends_on == found.sends_on && kind.sends_back == found.sends_back && kind.hands_on == found.hands_on &&
           kind.hands_back == found.hands_back && equal_blocks(kind.first, found.first);
  });
  const int number = static_cast<int>(known - chunk_kinds_.begin());
  if (known == chunk_kinds_.end()) {
    chunk_kinds_.push_back(found);
    chunk_kinds_.back().runs = runs_of(found.first);
  }
  return number;
}

void StageLayout::find_chunk_kinds(const Plan& plan) {
  chunk_kinds_.clear(), kind_of_chunk_.clear();
  for (int up = 0; up < (runs_both_ways(plan) ? 2 : 1); ++up) {
    const auto sends = [&](int chunk, int to) -> std::optional<std::size_t> {
      if (to < 0 || to >= chunks_) return std::nullopt;
      const int here = stage_of(plan, chunk, up), there = stage_of(plan, to, up);
      if (here == there) return std::nullopt;
      return after_[boundary_between(here, there, stages_)];
    };
    for (int chunk = 0; chunk < chunks_; ++chunk) {
      ChunkKind found{.first = chunk, .sends_on = sends(chunk, chunk + 1), .sends_back = sends(chunk, chunk - 1)};
      if (!found.sends_on && chunk + 1 < chunks_) found.hands_on = first_unit(chunk + 1);
      if (!found.sends_back && chunk > 0) found.hands_back = last_unit(chunk - 1);
      kind_of_chunk_.push_back(kind_of(found));
    }
  }
}

void StageLayout::find_stage_kinds() {
  stage_kinds_.clear(), kind_of_stage_.clear();
  most_sends_on_ = most_sends_back_ = 0;
  for (int stage = 0; stage < stages_; ++stage) {
    const std::span<const int> own = kinds_on(stage);
    auto known = std::find_if(stage_kinds_.begin(), stage_kinds_.end(), [&](const StageKind& kind) {
      return std::equal(own.begin(), own.end(), kinds_on(kind.first).begin());
    });
    kind_of_stage_.push_back(static_cast<int>(known - stage_kinds_.begin()));
    if (known == stage_kinds_.end()) {
      known =
          stage_kinds_.insert(known, {.first = stage, .copies = std::vector<int>(chunk_kinds_.size(), 0), .units = {}});
      describe(*known);
      most_sends_on_ = std::max(most_sends_on_, known->sends_on),
      most_sends_back_ = std::max(most_sends_back_, known->sends_back);
    }
    ++known->count;
  }
}

void StageLayout::describe(StageKind& stage) const {
  for (const int kind : kinds_on(stage.first)) {
    const ChunkKind& chunk = chunk_kinds_[static_cast<std::size_t>(kind)];
    ++stage.copies[static_cast<std::size_t>(kind)];
    stage.sends_on += chunk.sends_on ? 1 : 0, stage.sends_back += chunk.sends_back ? 1 : 0;
    for (const Run& run : chunk.runs) {
      auto known = std::find_if(stage.units.begin(), stage.units.end(),
                                [&](const Run& other) { return other.unit == run.unit; });
      if (known == stage.units.end()) known = stage.units.insert(known, {run.unit, 0});
      known->n += run.n;
    }
  }
}

const StageLayout& LayoutTable::operator()(const Plan& plan) {
  if (plan.cut == StageCut::list) {
    listed_.assign(kinds_, topology_, plan);
    return listed_;
  }
  const std::uint64_t key = static_cast<std::uint64_t>(plan.pp) << 32 |
                            static_cast<std::uint64_t>(plan.virtual_stages) << 4 | route(plan) << 2 |
                            static_cast<std::uint64_t>(plan.cut);
  const auto [found, fresh] = known_.try_emplace(key);
  if (fresh) found->second.assign(kinds_, topology_, plan);
  return found->second;
}

}  // namespace forerun

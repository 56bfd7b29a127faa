#include <map>
#include <tuple>

#include "strategies/plan/chunks.hpp"
#include "strategies/programs/steps/stage_lowering.hpp"

namespace forerun::stage_lowering {

void StageLowering::passes() {
  const auto list = table_.of(out_.stage);
  std::map<int, std::size_t> first_forward, last_gradient;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].kind == PassKind::forward) first_forward.try_emplace(list[i].chunk, i);
    if (makes_weight_gradients(list[i].kind)) last_gradient[list[i].chunk] = i;
  }
  std::map<std::tuple<int, PassKind, bool>, std::uint32_t> known;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Pass& pass = list[i];
    const bool special = pass.kind == PassKind::forward
                             ? first_forward[pass.chunk] == i && !gathers_.empty()
                             : makes_weight_gradients(pass.kind) && last_gradient[pass.chunk] == i &&
                                   reduces_in_passes(chunks_[static_cast<std::size_t>(pass.chunk)]);
    const auto [found, fresh] =
        known.try_emplace({pass.chunk, pass.kind, special}, static_cast<std::uint32_t>(out_.bodies.size()));
    if (fresh) pass_body(pass.chunk, pass.kind, special);
    out_.calls.push_back({found->second, pass.micro_batch});
  }
}

void StageLowering::pass_body(int local, PassKind kind, bool special) {
  const Chunk& chunk = chunks_[static_cast<std::size_t>(local)];
  open({.chunk = local, .kind = kind});
  if (kind == PassKind::forward) {
    forward(chunk, local, special);
  } else {
    backward(chunk, kind, special);
  }
}

void StageLowering::receive(std::optional<int> from, Lane lane, TensorId id) {
  if (!from || from == out_.stage) return;
  body_->from_stage = from;
  push({.code = Code::receive, .lane = lane, .token = between_units_.receive}, {.writes = {id}, .allocates = {id}});
  wait(between_units_.receive);
}

void StageLowering::send(std::optional<int> to, Flow flow, TensorId id) {
  if (!to || to == out_.stage) return;
  body_->to_stage = to;
  push({.lane = lane_of(flow), .work = work(pipeline_message(given_, plan_, flow, boundary_bytes(given_, split_)))},
       {.reads = {id}, .releases = {id}});
}

void StageLowering::forward(const Chunk& chunk, int local, bool first) {
  const std::size_t n = chunk.units.size();
  const bool receives = chunk.from.has_value();
  if (first && receives) {  // who waits for a message anyway waits for all of them before it
    for (const Gather& gather : gathers_) {
      if (gather.chunk == local) wait(gather.token);
    }
  }
  receive(chunk.from, Lane::pp_forward, chunk.input);
  for (std::size_t u = 0; u < n; ++u) {
    if (first && !receives) {
      for (const Gather& gather : gathers_) {
        if (gather.chunk == local && gather.unit == static_cast<int>(u)) wait(gather.token);
      }
    }
    gather_unit(chunk, u, u + 1 < n ? std::optional(u + 1) : std::nullopt, u == 0);
    append(chunk, u, PassKind::forward);
    drop_unit(chunk, u);
    if (plan_.offload.activations) away(chunk, u);
  }
  if (plan_.offload.activations && n > 0) settle(chunk, n - 1);
  send(chunk.to, Flow::pp_send_forward, chunk.boundary + static_cast<TensorId>(n));
}

void StageLowering::backward(const Chunk& chunk, PassKind kind, bool last) {
  const std::size_t n = chunk.units.size();
  const bool inputs = kind != PassKind::weight_gradient;  // makes gradients of inputs
  if (inputs) receive(chunk.to, Lane::pp_backward, chunk.gradient + static_cast<TensorId>(n));
  for (std::size_t u = n; u-- > 0;) {
    const bool gathers =
        inputs &&
        chunk.units[u].program->runs_backward;  // what no gradient is wanted of is last, and needs no parameters
    if (gathers)
      gather_unit(chunk, u, u > 0 && chunk.units[u - 1].program->runs_backward ? std::optional(u - 1) : std::nullopt,
                  u + 1 == n);
    if (inputs && plan_.offload.activations) back(chunk, u);
    const TensorId gradients = chunk.gradients + static_cast<TensorId>(u);
    const std::optional<TensorId> early = kind == PassKind::backward ? std::nullopt : chunk.early[u];
    if (early && inputs) mark({.allocates = {*early}});
    if (makes_weight_gradients(kind) && plan_.zero >= 2) mark({.allocates = {gradients}});
    if (early && !inputs) push({.work = settle_}, {.reads = {*early}, .writes = {gradients}, .releases = {*early}});
    append(chunk, u, kind);
    if (gathers) drop_unit(chunk, u);
    if (makes_weight_gradients(kind) && plan_.zero >= 2) scatter_unit(chunk, u);
    if (last) reduce_buckets(chunk, u);
  }
  if (makes_weight_gradients(kind) && plan_.zero >= 2 && n > 0) wait_for_scatter(chunk, 0);
  if (inputs) send(chunk.from, Flow::pp_send_backward, chunk.input_gradient);
}

// ZeRO-3: the unit's parameters are gathered for the pass; those of the next one meanwhile, where the software can.
void StageLowering::gather_unit(const Chunk& chunk, std::size_t u, std::optional<std::size_t> next, bool opens) {
  if (plan_.zero != 3) return;
  if (opens || dp_ == 0) issue_unit(chunk, u);
  wait_for_unit(chunk, u);
  if (next && dp_ > 0) issue_unit(chunk, *next);
}

// visit(share, elements, token): frozen parameters as well, and a table that is not its own.
template <class Visit>
void StageLowering::each_gathered(const Chunk& chunk, std::size_t u, Visit visit) const {
  const BlockProgram& block = *chunk.units[u].program;
  for (const Share share : all_shares) {
    const std::int64_t more = share == Share::experts ? block.frozen_experts
                              : share == Share::table ? block.borrowed
                                                      : block.frozen + block.borrowed_frozen;
    const std::int64_t elements = held(chunk, u, share) + more;
    if (elements > 0 && grid_.size(shard_group(share)) > 1)
      visit(share, elements, between_units_.gather[static_cast<std::size_t>(share)][u % 2]);
  }
}

void StageLowering::issue_unit(const Chunk& chunk, std::size_t u) {
  mark({.allocates = {chunk.gathered + static_cast<TensorId>(u)}});
  each_gathered(chunk, u, [&](Share share, std::int64_t elements, TokenId token) {
    issue_gather(piece_of(chunk, u, share, elements), token);
  });
}

void StageLowering::wait_for_unit(const Chunk& chunk, std::size_t u) {
  each_gathered(chunk, u, [&](Share, std::int64_t, TokenId token) { wait(token); });
}

void StageLowering::drop_unit(const Chunk& chunk, std::size_t u) {
  if (plan_.zero == 3) mark({.releases = {chunk.gathered + static_cast<TensorId>(u)}});
}

// ZeRO-2 and 3: the unit's gradients go to the ranks that keep them; at most one unit's are on their way.
void StageLowering::scatter_unit(const Chunk& chunk, std::size_t u) {
  if (u + 1 < chunk.units.size() && dp_ > 0) wait_for_scatter(chunk, u + 1);
  scattered_.clear();
  for (const Share share : all_shares) {
    const std::int64_t elements =
        held(chunk, u, share) + (share == Share::table ? chunk.units[u].program->borrowed : 0);
    if (elements > 0)
      issue_reduce(piece_of(chunk, u, share, elements), between_units_.scatter[static_cast<std::size_t>(share)],
                   scattered_);
  }
  if (dp_ == 0 && u > 0) wait_for_scatter(chunk, u);
}

void StageLowering::wait_for_scatter(const Chunk& chunk, std::size_t u) {
  for (const TokenId token : scattered_) wait(token);
  scattered_.clear();
  mark({.releases = {chunk.gradients + static_cast<TensorId>(u)}});
}

void StageLowering::reduce_buckets(const Chunk& chunk, std::size_t u) {
  for (const Share share : all_shares) {
    for (const Bucket& bucket : chunk.buckets_of(share)) {
      if (bucket.first_unit == static_cast<int>(u))
        issue_reduce(piece_of(chunk, bucket, share), reduce_tokens(), reductions_);
    }
  }
}

std::vector<TensorId> StageLowering::saved(const Chunk& chunk, std::size_t u) const {
  std::vector<TensorId> list;
  for (const TensorId id : saved_tensors(*chunk.units[u].program)) {
    list.push_back(id == BlockProgram::input ? (u == 0 ? chunk.input : chunk.boundary + static_cast<TensorId>(u))
                                             : chunk.units[u].first_tensor + id);
  }
  return list;
}

Bytes StageLowering::bytes_of(const std::vector<TensorId>& list) const {
  Bytes sum{0};
  for (const TensorId id : list) sum += out_.tensors[id].bytes;
  return sum;
}

// To the host while the next unit runs.
void StageLowering::away(const Chunk& chunk, std::size_t u) {
  if (u > 0) settle(chunk, u - 1);
  const std::vector<TensorId> list = saved(chunk, u);
  push({.lane = Lane::to_host, .token = between_units_.copy[u % 2], .work = work(HostCopy{bytes_of(list), true})},
       {.reads = list});
}

// Back while the unit before it in backward runs.
void StageLowering::back(const Chunk& chunk, std::size_t u) {
  if (u + 1 == chunk.units.size()) fetch(chunk, u);
  wait(between_units_.copy[u % 2]);
  if (u > 0) fetch(chunk, u - 1);
}

void StageLowering::fetch(const Chunk& chunk, std::size_t u) {
  const std::vector<TensorId> list = saved(chunk, u);
  push({.lane = Lane::from_host, .token = between_units_.copy[u % 2], .work = work(HostCopy{bytes_of(list), false})},
       {.writes = list, .allocates = list});
}

}  // namespace forerun::stage_lowering

#include "strategies/programs/steps/training/unit_emission.hpp"

namespace forerun {

UnitTokens::UnitTokens(StageEmission& emit) {
  for (auto& pair : gather) pair = {emit.token(), emit.token()};
  for (ReduceTokens& pair : scatter) pair = {emit.token(), emit.token()};
  copy = {emit.token(), emit.token()};
}

// A unit of which no gradient is wanted computes nothing in B.
bool UnitEmission::needs_parameters(std::size_t u) const {
  return kind_ == PassKind::forward || unit(u).program->runs_backward;
}

// visit(share, elements, token): frozen parameters as well, and a table that is not its own.
template <class Visit>
void UnitEmission::each_gathered(std::size_t u, Visit visit) const {
  const BlockProgram& block = *unit(u).program;
  for (const Share share : all_shares) {
    const std::int64_t more = share == Share::experts ? block.frozen_experts
                              : share == Share::table ? block.borrowed
                                                      : block.frozen + block.borrowed_frozen;
    const std::int64_t elements = replicas_.held(unit(u), share) + more;
    if (elements > 0 && replicas_.has_peers(share))
      visit(share, elements, tokens_.gather[static_cast<std::size_t>(share)][u % 2]);
  }
}

void UnitEmission::gather(std::size_t u) {
  if (!needs_parameters(u)) return;
  emit_.mark({.allocates = {gathered_of(u)}});
  each_gathered(u, [&](Share share, std::int64_t elements, TokenId token) {
    replicas_.gather(own_.piece(u, share, elements), token);
  });
}

void UnitEmission::wait_gather(std::size_t u) {
  if (!needs_parameters(u)) return;
  each_gathered(u, [&](Share, std::int64_t, TokenId token) { emit_.wait(token); });
}

void UnitEmission::release(std::size_t u) {
  if (needs_parameters(u)) emit_.mark({.releases = {gathered_of(u)}});
}

void UnitEmission::keep_early(std::size_t u) {
  if (own_.early[u]) emit_.mark({.allocates = {*own_.early[u]}});
}

void UnitEmission::take_early(std::size_t u) {
  if (const std::optional<TensorId> early = own_.early[u])
    emit_.push({.work = settle_}, {.reads = {*early}, .writes = {gradients_of(u)}, .releases = {*early}});
}

void UnitEmission::run(std::size_t u) {
  if (before_unit) before_unit(u);
  append_unit(emit_, own_.chunk, u, kind_);
  if (behind_unit) behind_unit(u);
}

void UnitEmission::scatter(std::size_t u) {
  for (const Share share : all_shares) {
    const std::int64_t elements =
        replicas_.held(unit(u), share) + (share == Share::table ? unit(u).program->borrowed : 0);
    if (elements > 0)
      replicas_.reduce(own_.piece(u, share, elements), tokens_.scatter[static_cast<std::size_t>(share)], scattered_);
  }
}

void UnitEmission::wait_scatter(std::size_t u) {
  for (const TokenId token : scattered_) emit_.wait(token);
  scattered_.clear();
  emit_.mark({.releases = {gradients_of(u)}});
}

std::vector<TensorId> UnitEmission::saved(std::size_t u) const {
  std::vector<TensorId> list;
  for (const TensorId id : saved_tensors(*unit(u).program)) {
    list.push_back(id == BlockProgram::input ? own_.chunk.activations.before(u) : unit(u).first_tensor + id);
  }
  return list;
}

void UnitEmission::copy(std::size_t u, Lane lane, const Operands& operands) {
  Bytes sum{0};
  for (const TensorId id : saved(u)) sum += emit_.program().tensors[id].bytes;
  emit_.push({.lane = lane, .token = copy_of(u), .work = emit_.work(HostCopy{sum, lane == Lane::to_host, true})},
             operands);
}

void UnitEmission::copy_out(std::size_t u) { copy(u, Lane::to_host, {.reads = saved(u)}); }

void UnitEmission::fetch(std::size_t u) {
  const std::vector<TensorId> list = saved(u);
  copy(u, Lane::from_host, {.writes = list, .allocates = list});
}

}  // namespace forerun

#include "executor/ranks/expert_rows.hpp"

#include <numeric>
#include <utility>

namespace forerun {
namespace {

Elements bytes_of(std::vector<std::int64_t>& list) { return Elements(std::as_writable_bytes(std::span(list))); }

}  // namespace

ExpertRows::ExpertRows(RankContext& context, RankClock& clock) : context_(context), clock_(clock) {
  const auto group = [&](GroupKind kind) { return context.world.group(context.grid.members(kind, context.rank)); };
  if (context.plan.ep > 1) group_ = group(GroupKind::ep);
  if (context.plan.etp > 1) peers_ = group(GroupKind::etp);
}

void ExpertRows::begin_step() {
  routed_.clear();
  drawn_ = promised_ = 0;
}

const RoutedRows& ExpertRows::at_work() const { return routed_.at(key()); }

// How many rows come from each rank for each of this one's experts: [rank, expert].
std::vector<std::int64_t> ExpertRows::told_by_groups(const std::vector<std::int64_t>& rows) {
  if (group_ == nullptr) return rows;
  const auto ranks = static_cast<std::size_t>(group_->size()), local = rows.size() / ranks;
  const std::vector<std::int64_t> counts(ranks, static_cast<std::int64_t>(local * sizeof(std::int64_t)));
  std::vector<std::int64_t> going = rows, coming(rows.size());
  clock_.time(Lane::ep, true, {&clock_.times().exposed_in(Dimension::ep), &clock_.times().computation},
              [&] { group_->all_to_all(bytes_of(going), counts, bytes_of(coming), counts); });
  return coming;
}

// The same of all ranks that share the experts: [rank that shares them, rank, expert].
std::vector<std::int64_t> ExpertRows::told_by_peers(const std::vector<std::int64_t>& coming) {
  if (peers_ == nullptr) return coming;
  std::vector<std::int64_t> own = coming, all(static_cast<std::size_t>(peers_->size()) * coming.size());
  clock_.time(Lane::ep, true, {&clock_.times().exposed_in(Dimension::ep), &clock_.times().computation},
              [&] { peers_->all_gather(bytes_of(own), bytes_of(all)); });
  return all;
}

void ExpertRows::route(ExpertOrder order) {
  RoutedRows& r = routed_[key()];
  r.order = std::move(order);
  const auto ranks = static_cast<std::size_t>(context_.plan.ep), local = r.order.rows.size() / ranks;
  const std::vector<std::int64_t> coming = told_by_groups(r.order.rows);
  r.send.assign(ranks, 0);
  r.receive.assign(ranks, 0);
  for (std::size_t i = 0; i < coming.size(); ++i) {
    r.send[i / local] += r.order.rows[i];
    r.receive[i / local] += coming[i];
  }
  const std::vector<std::int64_t> all = told_by_peers(coming);
  r.peers.assign(static_cast<std::size_t>(context_.plan.etp), 0);
  r.blocks.clear();
  std::int64_t first = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    r.peers[i / coming.size()] += all[i];
    if (all[i] > 0) r.blocks.push_back({static_cast<int>(i % local), first, all[i]});
    first += all[i];
  }
  drawn_ += first;
  promised_ += context_.plan.etp * std::ssize(r.order.token);
}

// By this rank, and by all that share its experts.
ExpertRows::Written ExpertRows::received() const {
  const RoutedRows& r = at_work();
  return {r.peers[static_cast<std::size_t>(context_.at.etp)], std::ssize(r.order.token)};
}
ExpertRows::Written ExpertRows::together() const {
  const RoutedRows& r = at_work();
  return {std::accumulate(r.peers.begin(), r.peers.end(), std::int64_t{0}),
          context_.plan.etp * std::ssize(r.order.token)};
}

std::optional<ExpertRows::Written> ExpertRows::written() const {
  if (context_.plan.ep == 1 || context_.options.routing == Routing::balanced) return std::nullopt;
  if (const Communication* c = context_.work<Communication>()) {
    if (c->flow == Flow::ep_all_gather) return together();
    if (c->flow == Flow::ep_reduce_scatter || (c->flow == Flow::ep_all_to_all && !c->home)) return received();
    return std::nullopt;
  }
  const Computation* c = context_.work<Computation>();
  if (c == nullptr || context_.experts() == nullptr) return std::nullopt;
  if (c->kind == OperatorKind::up || c->kind == OperatorKind::expert_activation || c->kind == OperatorKind::down)
    return together();
  return std::nullopt;
}

}  // namespace forerun

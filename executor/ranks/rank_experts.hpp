// RankExecutor: routers and experts. Copies of tokens are in the order of their experts, and each expert multiplies the
// rows that came for it from each rank.
#pragma once

#include <algorithm>
#include <cstring>
#include <numeric>

#include "executor/ranks/rank_executor.hpp"

namespace forerun {

// What the router keeps until its backward parts.
template <class T>
struct RankExecutor<T>::Choices {
  RouterShape shape;
  std::span<A> scores, weights, weight_gradients;  // [rows, experts], [rows, top_k] twice
  std::span<std::int32_t> chosen, place;  // [rows, top_k]
};

template <class T>
typename RankExecutor<T>::Choices RankExecutor<T>::choices(std::span<std::byte> routing) {
  const Moe& moe =
      std::get<Moe>(scenario_.given.model.blocks[static_cast<std::size_t>(stage_.units[unit_].layer)].feed_forward);
  const std::size_t of_row =
      sizeof(A) * static_cast<std::size_t>(moe.experts + 2 * moe.top_k) + 8 * static_cast<std::size_t>(moe.top_k);
  const std::size_t rows = routing.size() / of_row, choices = rows * static_cast<std::size_t>(moe.top_k);
  std::byte* at = routing.data();
  const auto take = [&]<class U>(std::size_t n, U*) {
    const std::span<U> part(reinterpret_cast<U*>(at), n);
    at += n * sizeof(U);
    return part;
  };
  Choices c{.shape = {static_cast<std::int64_t>(rows), moe.experts, moe.top_k, true}};
  c.scores = take(rows * static_cast<std::size_t>(moe.experts), static_cast<A*>(nullptr));
  c.weights = take(choices, static_cast<A*>(nullptr));
  c.weight_gradients = take(choices, static_cast<A*>(nullptr));
  c.chosen = take(choices, static_cast<std::int32_t*>(nullptr));
  c.place = take(choices, static_cast<std::int32_t*>(nullptr));
  return c;
}

template <class T>
void RankExecutor<T>::route() {
  Choices c = choices(written<std::byte>(0));
  const std::span<T> logits = scratch<T>(c.shape.rows * c.shape.experts);
  project(WeightKind::router, read(0), logits);
  on_.router_forward(c.shape, logits, c.scores, c.chosen, c.weights);
  if (options_.routing == Routing::balanced) balance(c);
}

// Of each group of as many tokens as there are experts, token i goes to experts i + o for the top_k offsets o with the
// highest scores in all: each expert gets top_k rows of every group.
template <class T>
void RankExecutor<T>::balance(Choices& c) {
  const int n = c.shape.experts, k = c.shape.top_k;
  const std::vector<A> scores = on_host<A>(c.scores);
  std::vector<A> weights(c.weights.size());
  std::vector<std::int32_t> chosen(c.chosen.size());
  const auto score = [&](std::int64_t row, int expert) { return scores[static_cast<std::size_t>(row * n + expert)]; };
  for (std::int64_t first = 0; first < c.shape.rows; first += n) {
    std::vector<std::pair<A, int>> offsets;
    for (int o = 0; o < n; ++o) {
      A sum = 0;
      for (int i = 0; i < n; ++i) sum += score(first + i, (i + o) % n);
      offsets.emplace_back(-sum, o);
    }
    std::ranges::sort(offsets);
    for (int i = 0; i < n; ++i) {
      A sum = 0;
      for (int j = 0; j < k; ++j) sum += score(first + i, (i + offsets[static_cast<std::size_t>(j)].second) % n);
      for (int j = 0; j < k; ++j) {
        const int expert = (i + offsets[static_cast<std::size_t>(j)].second) % n;
        const auto at = static_cast<std::size_t>((first + i) * k + j);
        chosen[at] = expert, weights[at] = score(first + i, expert) / sum;
      }
    }
  }
  put<A>(backend_, weights, c.weights);
  put<std::int32_t>(backend_, chosen, c.chosen);
}

// B reads the gradient of the rows and the routing; W the input between them.
template <class T>
void RankExecutor<T>::route_back(bool weights) {
  const Choices c = choices(read<std::byte>(reads_ - 1));
  const std::span<T> logits = scratch<T>(c.shape.rows * c.shape.experts);
  on_.router_backward(c.shape, c.scores, c.chosen, c.weight_gradients, logits);
  if (weights) return project_weight(WeightKind::router, read(reads_ - 2), logits);
  project_back(WeightKind::router, logits, written(0));
  on_.add(written(0), read(0), written(0));
}

template <class T>
void RankExecutor<T>::dispatch() {
  Choices c = choices(read<std::byte>(reads_ - 1));
  Routed& r = routed();
  r.order = order_by_expert(c.shape.experts, c.shape.top_k, on_host<std::int32_t>(c.chosen));
  put<std::int32_t>(backend_, r.order.place, c.place);
  on_.gather_rows(scenario_.given.model.hidden, read(0), r.order.token, written(0));
  tell_rows();
}

// How many rows go to each rank's experts, and come from each rank for this one's.
template <class T>
void RankExecutor<T>::tell_rows() {
  Routed& r = routed();
  const auto ranks = static_cast<std::size_t>(plan_.ep), local = r.order.rows.size() / ranks;
  std::vector<std::int64_t> coming = r.order.rows;  // [rank, expert of this one]
  if (ranks > 1) {
    const std::vector<std::int64_t> counts(ranks, static_cast<std::int64_t>(local * sizeof(std::int64_t)));
    timed(Lane::ep, true, {&report_.exposed[static_cast<std::size_t>(Dimension::ep)], &report_.computation}, [&] {
      rows_told_->all_to_all(Elements(std::as_writable_bytes(std::span(r.order.rows))), counts,
                             Elements(std::as_writable_bytes(std::span(coming))), counts);
    });
  }
  r.send.assign(ranks, 0), r.receive.assign(ranks, 0), r.blocks.clear();
  for (std::size_t i = 0; i < coming.size(); ++i)
    r.send[i / local] += r.order.rows[i], r.receive[i / local] += coming[i];
  const auto peers = static_cast<std::size_t>(plan_.etp);
  std::vector<std::int64_t> all = coming;  // [rank that shares the experts, rank, expert]
  if (peers > 1) {
    all.resize(peers * coming.size());
    timed(Lane::ep, true, {&report_.exposed[static_cast<std::size_t>(Dimension::ep)], &report_.computation}, [&] {
      rows_told_on_->all_gather(Elements(std::as_writable_bytes(std::span(coming))),
                                Elements(std::as_writable_bytes(std::span(all))));
    });
  }
  r.peers.assign(peers, 0);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    r.peers[i / coming.size()] += all[i];
    if (all[i] > 0) r.blocks.push_back({static_cast<int>(i % local), first, all[i]}), first += all[i];
  }
  report_.expert_rows += first;
  report_.expert_rows_promised += plan_.etp * std::ssize(r.order.token);
}

// With top-k routing what an instruction writes is as long as the rows that this rank received, or that the ranks which
// share its experts received together.
template <class T>
std::optional<typename RankExecutor<T>::Rows> RankExecutor<T>::rows_written() const {
  if (plan_.ep == 1 || options_.routing == Routing::balanced || instruction_->code != Code::run) return std::nullopt;
  const auto received = [&] {
    return Rows{routed().peers[static_cast<std::size_t>(rank_ % plan_.etp)], std::ssize(routed().order.token)};
  };
  const auto together = [&] {
    return Rows{std::accumulate(routed().peers.begin(), routed().peers.end(), std::int64_t{0}),
                plan_.etp * std::ssize(routed().order.token)};
  };
  const Work& work = stage_.works[instruction_->work];
  if (const Communication* c = std::get_if<Communication>(&work)) {
    if (c->flow == Flow::ep_all_gather) return together();
    if (c->flow == Flow::ep_reduce_scatter || (c->flow == Flow::ep_all_to_all && !c->home)) return received();
    return std::nullopt;
  }
  const Computation* c = std::get_if<Computation>(&work);
  if (c == nullptr || find(WeightKind::router) == nullptr) return std::nullopt;
  if (c->kind == OperatorKind::up || c->kind == OperatorKind::expert_activation || c->kind == OperatorKind::down)
    return together();
  return std::nullopt;
}

template <class T>
void RankExecutor<T>::dispatch_back() {
  const Choices c = choices(read<std::byte>(reads_ - 1));
  const std::span<A> ones = scratch<A>(std::ssize(c.place));
  on_.fill_sums(A(1), ones);
  on_.combine_forward(scenario_.given.model.hidden, c.shape.top_k, read(0), c.place, ones, written(0));
}

template <class T>
void RankExecutor<T>::combine() {
  const Choices c = choices(read<std::byte>(reads_ - 1));
  on_.combine_forward(scenario_.given.model.hidden, c.shape.top_k, read(0), c.place, c.weights, written(0));
}

template <class T>
void RankExecutor<T>::combine_back() {
  const Choices c = choices(read<std::byte>(reads_ - 1));
  on_.combine_backward(scenario_.given.model.hidden, c.shape.top_k, read(1), c.place, c.weights, read(0), written(0),
                       c.weight_gradients);
}

template <class T>
void RankExecutor<T>::experts(WeightKind kind, Part part) {
  for (const auto& block : routed().blocks) {
    const Weight& w = *find(kind, block.expert);
    std::int64_t out = 0;
    for (const Slice& slice : w.columns) out += slice.count;
    const std::int64_t in = w.rows.count;
    const LinearShape shape{block.count, in, out};
    const auto rows = [&](std::span<T> all, std::int64_t width) {
      return all.subspan(static_cast<std::size_t>(block.first * width), static_cast<std::size_t>(block.count * width));
    };
    switch (part) {
      case Part::input_gradient:
        on_.linear_input_gradient(shape, rows(read(0), out), weight(kind, block.expert), rows(written(0), in));
        break;
      case Part::weight_gradient:
        on_.linear_weight_gradient(shape, rows(read(reads_ - 1), in), rows(read(0), out), gradient(kind, block.expert));
        break;
      default:
        on_.linear_forward(shape, rows(read(0), in), weight(kind, block.expert), rows(written(0), out));
        break;
    }
  }
}

}  // namespace forerun

// RankExecutor: embedding, norms, products, activations and the loss.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "executor/rank_executor.hpp"
#include "runtime/activations.hpp"
#include "runtime/cross_entropy.hpp"
#include "runtime/elementwise.hpp"
#include "runtime/embedding.hpp"
#include "runtime/linear.hpp"
#include "runtime/matrix_product.hpp"
#include "runtime/norms.hpp"
#include "runtime/rotary.hpp"
#include "strategies/replay_program.hpp"

namespace forerun {

inline constexpr double norm_epsilon = 1e-5;

inline WeightKind weight_of(OperatorKind kind) {
  switch (kind) {
    case OperatorKind::embedding: return WeightKind::table;
    case OperatorKind::attention_norm: return WeightKind::attention_norm;
    case OperatorKind::qkv: return WeightKind::qkv;
    case OperatorKind::attention_output: return WeightKind::attention_output;
    case OperatorKind::feed_forward_norm: return WeightKind::feed_forward_norm;
    case OperatorKind::up: return WeightKind::up;
    case OperatorKind::down: return WeightKind::down;
    case OperatorKind::router: return WeightKind::router;
    case OperatorKind::final_norm: return WeightKind::final_norm;
    default: return WeightKind::head;
  }
}

template <class T>
void RankExecutor<T>::compute(const Computation& c) {
  if (c.part == Part::update && c.piece == Computation::whole) {
    if (!updates_) return;
    weights_.update(options_.optimizer, step_ + 1);
    weights_.clear_gradients();
    return;
  }
  if (c.piece == Computation::passes) return pass_on();
  if (c.piece == Computation::joins) return add<T>(read(1), read(0), read(1));
  switch (c.part) {
    case Part::forward:
    case Part::recompute: return forward(c);
    case Part::input_gradient: return input_gradient(c);
    case Part::weight_gradient: return weight_gradient(c);
    case Part::update: return;
  }
}

// What is written is the sum of what is read.
template <class T>
void RankExecutor<T>::pass_on() {
  if (writes_ == 0) return;
  const std::span<T> to = written(0);
  std::ranges::fill(to, T(0));
  for (std::size_t i = 0; i < reads_; ++i) add<T>(to, read(i), to);
}

template <class T>
void RankExecutor<T>::forward(const Computation& c) {
  const bool experts_work = find(WeightKind::router) != nullptr;
  switch (c.kind) {
    case OperatorKind::embedding: {
      const Weight& table = *find(WeightKind::table);
      return embedding_forward<T>(scenario_.given.model.hidden, table.rows.first, tokens_of(false), weight(WeightKind::table), written(0));
    }
    case OperatorKind::attention_norm:
    case OperatorKind::feed_forward_norm:
    case OperatorKind::final_norm: return norm_forward(weight_of(c.kind));
    case OperatorKind::up:
    case OperatorKind::down:
      if (experts_work) return experts(weight_of(c.kind), Part::forward);
      return project(weight_of(c.kind), read(0), written(0));
    case OperatorKind::qkv:
    case OperatorKind::attention_output:
    case OperatorKind::head: return project(weight_of(c.kind), read(0), written(0));
    case OperatorKind::positions: return turn(false);
    case OperatorKind::attention_core: return attend(c);
    case OperatorKind::attention_residual:
    case OperatorKind::feed_forward_residual: return add<T>(read(0), read(1), written(0));
    case OperatorKind::activation:
    case OperatorKind::expert_activation: return activate(false);
    case OperatorKind::loss: return loss_forward();
    case OperatorKind::router: return route();
    case OperatorKind::dispatch: return dispatch();
    case OperatorKind::combine: return combine();
    default: throw std::logic_error("the executor has no " + std::string(to_string(c.kind)));
  }
}

template <class T>
void RankExecutor<T>::input_gradient(const Computation& c) {
  const bool experts_work = find(WeightKind::router) != nullptr;
  switch (c.kind) {
    case OperatorKind::attention_norm:
    case OperatorKind::feed_forward_norm:
    case OperatorKind::final_norm: return norm_backward(weight_of(c.kind));
    case OperatorKind::up:
    case OperatorKind::down:
      if (experts_work) return experts(weight_of(c.kind), Part::input_gradient);
      return project_back(weight_of(c.kind), read(0), written(0));
    case OperatorKind::qkv:
    case OperatorKind::attention_output:
    case OperatorKind::head: return project_back(weight_of(c.kind), read(0), written(0));
    case OperatorKind::positions: return turn(true);
    case OperatorKind::attention_core: return attend_back(c);
    case OperatorKind::attention_residual:
    case OperatorKind::feed_forward_residual: std::ranges::copy(read(0), written(0).begin()); return;
    case OperatorKind::activation:
    case OperatorKind::expert_activation: return activate(true);
    case OperatorKind::loss: return loss_backward();
    case OperatorKind::router: return route_back(false);
    case OperatorKind::dispatch: return dispatch_back();
    case OperatorKind::combine: return combine_back();
    default: throw std::logic_error("the executor has no gradient of " + std::string(to_string(c.kind)));
  }
}

template <class T>
void RankExecutor<T>::weight_gradient(const Computation& c) {
  switch (c.kind) {
    case OperatorKind::embedding: {
      const Weight& table = *find(WeightKind::table);
      return embedding_weight_gradient<T>(scenario_.given.model.hidden, table.rows.first, tokens_of(false), read(0), gradient(WeightKind::table));
    }
    case OperatorKind::router: return route_back(true);
    case OperatorKind::up:
    case OperatorKind::down:
      if (find(WeightKind::router) != nullptr) return experts(weight_of(c.kind), Part::weight_gradient);
      return project_weight(weight_of(c.kind), read(reads_ - 1), read(0));
    default: return project_weight(weight_of(c.kind), read(reads_ - 1), read(0));  // the input is read last: gathered again, where it is
  }
}

// --- norms --------------------------------------------------------------------------------------------------------------------------

template <class T>
void RankExecutor<T>::norm_forward(WeightKind kind) {
  const std::span<const T> w = weight(kind);
  const auto h = static_cast<std::size_t>(scenario_.given.model.hidden);
  if (scenario_.given.model.norm == NormKind::rms) return rms_norm_forward<T>(norm_epsilon, read(0), w, written(0));
  layer_norm_forward<T>(norm_epsilon, read(0), w.first(h), w.subspan(h), written(0));
}

// Reads the gradient, the input, and the gradients that went past the branch.
template <class T>
void RankExecutor<T>::norm_backward(WeightKind kind) {
  const std::span<const T> w = weight(kind), dy = read(0), x = read(1);
  const std::span<A> dw = gradient(kind);
  const std::span<T> dx = written(0);
  const auto h = static_cast<std::size_t>(scenario_.given.model.hidden);
  if (scenario_.given.model.norm == NormKind::rms) {
    rms_norm_backward<T>(norm_epsilon, x, w, dy, dx, dw);
  } else {
    layer_norm_backward<T>(norm_epsilon, x, w.first(h), dy, dx, dw.first(h), dw.subspan(h));
  }
  for (std::size_t i = 2; i < reads_; ++i) add<T>(dx, read(i), dx);
}

// --- products -----------------------------------------------------------------------------------------------------------------------

// Of a rank's slice.
inline LinearShape linear_shape(const Weight& w, std::int64_t rows) {
  std::int64_t columns = 0;
  for (const Slice& slice : w.columns) columns += slice.count;
  return {rows, w.rows.count, columns};
}

template <class T>
void RankExecutor<T>::project(WeightKind kind, std::span<const T> x, std::span<T> y) {
  if (kind == WeightKind::head && find(kind) == nullptr) {  // tied: the table turned
    const Weight& table = *find(WeightKind::table);
    const std::int64_t h = table.all_columns, rows = std::ssize(x) / h;
    return multiply(Turn::as_is, Turn::transposed, rows, table.rows.count, h, 1, Matrix<const T>{x.data(), h}, Matrix<const T>{weight(WeightKind::table).data(), h}, 0, Matrix<T>{y.data(), table.rows.count});
  }
  const Weight& w = *find(kind);
  linear_forward<T>(linear_shape(w, std::ssize(x) / w.rows.count), x, weight(kind), y);
}

template <class T>
void RankExecutor<T>::project_back(WeightKind kind, std::span<const T> dy, std::span<T> dx) {
  if (kind == WeightKind::head && find(kind) == nullptr) {
    const Weight& table = *find(WeightKind::table);
    const std::int64_t h = table.all_columns, n = table.rows.count;
    return multiply(Turn::as_is, Turn::as_is, std::ssize(dy) / n, h, n, 1, Matrix<const T>{dy.data(), n}, Matrix<const T>{weight(WeightKind::table).data(), h}, 0, Matrix<T>{dx.data(), h});
  }
  const Weight& w = *find(kind);
  linear_input_gradient<T>(linear_shape(w, std::ssize(dx) / w.rows.count), dy, weight(kind), dx);
}

template <class T>
void RankExecutor<T>::project_weight(WeightKind kind, std::span<const T> x, std::span<const T> dy) {
  if (kind == WeightKind::head && find(kind) == nullptr) {
    const Weight& table = *find(WeightKind::table);
    const std::int64_t h = table.all_columns, n = table.rows.count;
    return multiply(Turn::transposed, Turn::as_is, n, h, std::ssize(x) / h, 1, Matrix<const T>{dy.data(), n}, Matrix<const T>{x.data(), h}, 1, Matrix<A>{gradient(WeightKind::table).data(), h});
  }
  const Weight& w = *find(kind);
  linear_weight_gradient<T>(linear_shape(w, std::ssize(x) / w.rows.count), x, dy, gradient(kind));
}

template <class T>
void RankExecutor<T>::turn(bool back) {
  const Attention& a = scenario_.given.model.blocks[static_cast<std::size_t>(stage_.units[unit_].layer)].attention;
  const int heads = a.heads / plan_.tp, kv_heads = a.kv_heads / plan_.tp;
  const std::int64_t turned = std::int64_t{heads + kv_heads} * a.head_dim, row = turned + std::int64_t{kv_heads} * a.head_dim;
  const std::span<T> x = read(0), y = written(0);
  const std::int64_t rows = std::ssize(x) / row;
  const RotaryShape shape{rows, heads + kv_heads, a.head_dim};
  const Matrix<const T> from{x.data(), row};
  const Matrix<T> to{y.data(), row};
  back ? rotary_backward<T>(shape, rotary_, from, to) : rotary_forward<T>(shape, rotary_, from, to);
  for (std::int64_t i = 0; i < rows; ++i) std::copy_n(from.row(i) + turned, row - turned, to.row(i) + turned);
}

template <class T>
void RankExecutor<T>::activate(bool back) {
  const Block& block = scenario_.given.model.blocks[static_cast<std::size_t>(stage_.units[unit_].layer)];
  const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward);
  const bool gated = mlp != nullptr ? mlp->gated : std::get<Moe>(block.feed_forward).gated;
  const std::int64_t width = mlp != nullptr ? mlp->width / plan_.tp : std::get<Moe>(block.feed_forward).width;
  if (back) return gated ? swiglu_backward<T>(width, read(1), read(0), written(0)) : gelu_backward<T>(read(1), read(0), written(0));
  gated ? swiglu_forward<T>(width, read(0), written(0)) : gelu_forward<T>(read(0), written(0));
}

// --- the loss -----------------------------------------------------------------------------------------------------------------------

// Writes exponentials, and this slice's statistics in their place among those of all slices.
template <class T>
void RankExecutor<T>::loss_forward() {
  const std::vector<std::int32_t> targets = tokens_of(true);
  const std::int64_t local = scenario_.given.model.vocab / plan_.tp;
  const auto statistics = written<LossStatistics<A>>(1).subspan(static_cast<std::size_t>(tp_rank_) * targets.size(), targets.size());
  cross_entropy_forward<T>(tp_rank_ * local, read(0), targets, written<A>(0), statistics);
}

template <class T>
void RankExecutor<T>::loss_backward() {
  const std::vector<std::int32_t> targets = tokens_of(true);
  const std::int64_t local = scenario_.given.model.vocab / plan_.tp;
  const std::span<const LossStatistics<A>> statistics = read<LossStatistics<A>>(1);
  const std::span<A> losses = scratch<A>(std::ssize(targets));
  cross_entropy_losses<A>(statistics, losses);
  if (tp_rank_ == 0) {
    for (const A loss : losses) loss_ += static_cast<double>(loss);
  }
  const double scale = 1.0 / static_cast<double>(tokens_per_step(scenario_.given.job));
  cross_entropy_backward<T>(tp_rank_ * local, tp_rank_, static_cast<A>(scale), read<A>(0), statistics, targets, written(0));
}

}  // namespace forerun

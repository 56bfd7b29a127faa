// RankExecutor: embedding, norms, products, activations and the loss.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "executor/ranks/rank_executor.hpp"
#include "strategies/programs/describe_work.hpp"

namespace forerun {

inline constexpr double norm_epsilon = 1e-5;

inline WeightKind weight_of(OperatorKind kind) {
  switch (kind) {
    case OperatorKind::embedding:
      return WeightKind::table;
    case OperatorKind::attention_norm:
      return WeightKind::attention_norm;
    case OperatorKind::qkv:
      return WeightKind::qkv;
    case OperatorKind::attention_output:
      return WeightKind::attention_output;
    case OperatorKind::feed_forward_norm:
      return WeightKind::feed_forward_norm;
    case OperatorKind::up:
      return WeightKind::up;
    case OperatorKind::down:
      return WeightKind::down;
    case OperatorKind::router:
      return WeightKind::router;
    case OperatorKind::final_norm:
      return WeightKind::final_norm;
    default:
      return WeightKind::head;
  }
}

template <class T>
void RankExecutor<T>::compute(const Computation& c) {
  if (c.part == Part::update && is<WholeOperator>(c)) {
    if (!updates_) return;
    weights_.update(options_.optimizer, step_ + 1);
    weights_.clear_gradients();
    return;
  }
  if (is<SumOfReads>(c)) return pass_on();
  if (is<SettledGradients>(c)) return settle_early();
  if (is<RingSum>(c)) return on_.add(read(1), read(0), read(1));
  switch (c.part) {
    case Part::forward:
    case Part::recompute:
      return forward(c);
    case Part::input_gradient:
      return input_gradient(c);
    case Part::weight_gradient:
      return weight_gradient(c);
    case Part::update:
      return;
  }
}

// What is written is the sum of what is read.
template <class T>
void RankExecutor<T>::pass_on() {
  if (writes_ == 0) return;
  const std::span<T> to = written(0);
  clear(backend_, to);
  for (std::size_t i = 0; i < reads_; ++i) on_.add(to, read(i), to);
}

template <class T>
void RankExecutor<T>::settle_early() {
  const std::span<A> all = written<A>(0);
  each_early(operands_[0], [&](const Weight& w, std::span<A> made) {
    copy<A>(backend_, made, all.subspan(static_cast<std::size_t>(w.first), made.size()));
  });
}

template <class T>
void RankExecutor<T>::forward(const Computation& c) {
  const bool experts_work = find(WeightKind::router) != nullptr;
  switch (c.kind) {
    case OperatorKind::embedding: {
      const Weight& table = *find(WeightKind::table);
      return on_.embedding_forward(scenario_.given.model.hidden, table.rows.first, tokens_of(false),
                                   weight(WeightKind::table), written(0));
    }
    case OperatorKind::attention_norm:
    case OperatorKind::feed_forward_norm:
    case OperatorKind::final_norm:
      return norm_forward(weight_of(c.kind));
    case OperatorKind::up:
    case OperatorKind::down:
      if (experts_work) return experts(weight_of(c.kind), Part::forward);
      return project(weight_of(c.kind), read(0), written(0));
    case OperatorKind::qkv:
    case OperatorKind::attention_output:
    case OperatorKind::head:
      return project(weight_of(c.kind), read(0), written(0));
    case OperatorKind::positions:
      return turn(false);
    case OperatorKind::attention_core:
      return attend(c);
    case OperatorKind::attention_residual:
    case OperatorKind::feed_forward_residual:
      return on_.add(read(0), read(1), written(0));
    case OperatorKind::activation:
    case OperatorKind::expert_activation:
      return activate(false);
    case OperatorKind::loss:
      return loss_forward();
    case OperatorKind::router:
      return route();
    case OperatorKind::dispatch:
      return dispatch();
    case OperatorKind::combine:
      return combine();
    default:
      throw std::logic_error("the executor has no " + std::string(to_string(c.kind)));
  }
}

template <class T>
void RankExecutor<T>::input_gradient(const Computation& c) {
  const bool experts_work = find(WeightKind::router) != nullptr;
  switch (c.kind) {
    case OperatorKind::attention_norm:
    case OperatorKind::feed_forward_norm:
    case OperatorKind::final_norm:
      return norm_backward(weight_of(c.kind));
    case OperatorKind::up:
    case OperatorKind::down:
      if (experts_work) return experts(weight_of(c.kind), Part::input_gradient);
      return project_back(weight_of(c.kind), read(0), written(0));
    case OperatorKind::qkv:
    case OperatorKind::attention_output:
    case OperatorKind::head:
      return project_back(weight_of(c.kind), read(0), written(0));
    case OperatorKind::positions:
      return turn(true);
    case OperatorKind::attention_core:
      return attend_back(c);
    case OperatorKind::attention_residual:
    case OperatorKind::feed_forward_residual:
      return copy<T>(backend_, read(0), written(0));
    case OperatorKind::activation:
    case OperatorKind::expert_activation:
      return activate(true);
    case OperatorKind::loss:
      return loss_backward();
    case OperatorKind::router:
      return route_back(false);
    case OperatorKind::dispatch:
      return dispatch_back();
    case OperatorKind::combine:
      return combine_back();
    default:
      throw std::logic_error("the executor has no gradient of " + std::string(to_string(c.kind)));
  }
}

template <class T>
void RankExecutor<T>::weight_gradient(const Computation& c) {
  switch (c.kind) {
    case OperatorKind::embedding: {
      const Weight& table = *find(WeightKind::table);
      return on_.embedding_weight_gradient(scenario_.given.model.hidden, table.rows.first, tokens_of(false), read(0),
                                           gradient(WeightKind::table));
    }
    case OperatorKind::router:
      return route_back(true);
    case OperatorKind::up:
    case OperatorKind::down:
      if (find(WeightKind::router) != nullptr) return experts(weight_of(c.kind), Part::weight_gradient);
      return project_weight(weight_of(c.kind), read(reads_ - 1), read(0));
    default:
      return project_weight(weight_of(c.kind), read(reads_ - 1),
                            read(0));  // the input is read last: gathered again, where it is
  }
}

// --- norms -----------------------------------------------------------------------------------------------------------

template <class T>
void RankExecutor<T>::norm_forward(WeightKind kind) {
  const std::span<const T> w = weight(kind);
  const auto h = static_cast<std::size_t>(scenario_.given.model.hidden);
  if (scenario_.given.model.norm == NormKind::rms) return on_.rms_norm_forward(norm_epsilon, read(0), w, written(0));
  on_.layer_norm_forward(norm_epsilon, read(0), w.first(h), w.subspan(h), written(0));
}

// Reads the gradient, the input, and the gradients that went past the branch.
template <class T>
void RankExecutor<T>::norm_backward(WeightKind kind) {
  const std::span<const T> w = weight(kind), dy = read(0), x = read(1);
  const std::span<A> dw = gradient(kind);
  const std::span<T> dx = written(0);
  const auto h = static_cast<std::size_t>(scenario_.given.model.hidden);
  if (scenario_.given.model.norm == NormKind::rms) {
    on_.rms_norm_backward(norm_epsilon, x, w, dy, dx, dw);
  } else {
    on_.layer_norm_backward(norm_epsilon, x, w.first(h), dy, dx, dw.first(h), dw.subspan(h));
  }
  for (std::size_t i = 2; i < reads_; ++i) on_.add(dx, read(i), dx);
}

// --- products --------------------------------------------------------------------------------------------------------

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
    return on_.product(Turn::as_is, Turn::transposed, rows, table.rows.count, h, {x.data(), h},
                       {weight(WeightKind::table).data(), h}, {y.data(), table.rows.count});
  }
  const Weight& w = *find(kind);
  on_.linear_forward(linear_shape(w, std::ssize(x) / w.rows.count), x, weight(kind), y);
}

template <class T>
void RankExecutor<T>::project_back(WeightKind kind, std::span<const T> dy, std::span<T> dx) {
  if (kind == WeightKind::head && find(kind) == nullptr) {
    const Weight& table = *find(WeightKind::table);
    const std::int64_t h = table.all_columns, n = table.rows.count;
    return on_.product(Turn::as_is, Turn::as_is, std::ssize(dy) / n, h, n, {dy.data(), n},
                       {weight(WeightKind::table).data(), h}, {dx.data(), h});
  }
  const Weight& w = *find(kind);
  on_.linear_input_gradient(linear_shape(w, std::ssize(dx) / w.rows.count), dy, weight(kind), dx);
}

template <class T>
void RankExecutor<T>::project_weight(WeightKind kind, std::span<const T> x, std::span<const T> dy) {
  if (kind == WeightKind::head && find(kind) == nullptr) {
    const Weight& table = *find(WeightKind::table);
    const std::int64_t h = table.all_columns, n = table.rows.count;
    return on_.add_product(Turn::transposed, Turn::as_is, n, h, std::ssize(x) / h, {dy.data(), n}, {x.data(), h},
                           {gradient(WeightKind::table).data(), h});
  }
  const Weight& w = *find(kind);
  on_.linear_weight_gradient(linear_shape(w, std::ssize(x) / w.rows.count), x, dy, gradient(kind));
}

template <class T>
void RankExecutor<T>::turn(bool back) {
  const Attention& a = *scenario_.given.model.blocks[static_cast<std::size_t>(stage_.units[unit_].layer)].attention();
  const int heads = a.heads / plan_.tp, kv_heads = a.kv_heads / plan_.tp;
  const std::int64_t turned = std::int64_t{heads + kv_heads} * a.head_dim,
                     row = turned + std::int64_t{kv_heads} * a.head_dim;
  const std::span<T> x = read(0), y = written(0);
  const std::int64_t rows = std::ssize(x) / row;
  const RotaryShape shape{rows, heads + kv_heads, a.head_dim};
  const Matrix<const T> from{x.data(), row};
  const Matrix<T> to{y.data(), row};
  back ? on_.rotary_backward(shape, rotary_, from, to) : on_.rotary_forward(shape, rotary_, from, to);
  copy_rows<T>(backend_, rows, row - turned, {x.data() + turned, row}, {y.data() + turned, row});
}

template <class T>
void RankExecutor<T>::activate(bool back) {
  const Block& block = scenario_.given.model.blocks[static_cast<std::size_t>(stage_.units[unit_].layer)];
  const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward);
  const bool gated = mlp != nullptr ? mlp->gated : std::get<Moe>(block.feed_forward).gated;
  const std::int64_t width =
      mlp != nullptr ? mlp->width / plan_.tp : std::get<Moe>(block.feed_forward).width / plan_.etp;
  if (back)
    return gated ? on_.swiglu_backward(width, read(1), read(0), written(0))
                 : on_.gelu_backward(read(1), read(0), written(0));
  gated ? on_.swiglu_forward(width, read(0), written(0)) : on_.gelu_forward(read(0), written(0));
}

// --- the loss --------------------------------------------------------------------------------------------------------

// Writes exponentials, and this slice's statistics in their place among those of all slices.
template <class T>
void RankExecutor<T>::loss_forward() {
  const std::vector<std::int32_t> targets = tokens_of(true);
  const std::int64_t local = scenario_.given.model.vocab / plan_.tp;
  const auto statistics =
      written<LossStatistics<A>>(1).subspan(static_cast<std::size_t>(tp_rank_) * targets.size(), targets.size());
  on_.cross_entropy_forward(tp_rank_ * local, read(0), targets, written<A>(0), statistics);
}

template <class T>
void RankExecutor<T>::loss_backward() {
  const std::vector<std::int32_t> targets = tokens_of(true);
  const std::int64_t local = scenario_.given.model.vocab / plan_.tp;
  const std::span<const LossStatistics<A>> statistics = read<LossStatistics<A>>(1);
  if (tp_rank_ == 0) on_.add_losses(statistics, scratch<A>(std::ssize(targets)));
  const double scale = 1.0 / static_cast<double>(tokens_per_step(scenario_.given.job));
  on_.cross_entropy_backward(tp_rank_ * local, tp_rank_, static_cast<A>(scale), read<A>(0), statistics, targets,
                             written(0));
}

}  // namespace forerun

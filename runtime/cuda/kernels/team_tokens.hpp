// Rows by index, experts, embedding and rotary positions on teams of threads.
#pragma once

#include "runtime/cuda/kernels/expert_kernels.hpp"
#include "runtime/cuda/kernels/row_kernels.hpp"
#include "runtime/cuda/kernels/rows_by_index.hpp"
#include "runtime/cuda/kernels/team_launch.hpp"
#include "runtime/operators.hpp"

namespace forerun::cuda {

template <class T, class Machine>
class TeamTokens : public virtual TokenOperators<T> {
 public:
  using A = Arithmetic<T>;

  explicit TeamTokens(TeamLaunch<Machine>& teams) : teams_(teams) {}

  void gather_rows(std::int64_t width, In<T> x, Indices index, Out<T> y) override { gather(width, 0, x, index, y); }

  void router_forward(RouterShape s, In<T> logits, Sums<T> scores, std::span<std::int32_t> chosen,
                      Sums<T> weights) override {
    teams_.per_item(s.rows, s.experts, 32,
                    RouterForward<T>{s, logits.data(), scores.data(), chosen.data(), weights.data()});
  }
  void router_backward(RouterShape s, ConstSums<T> scores, Indices chosen, ConstSums<T> dweights,
                       Out<T> dlogits) override {
    teams_.per_item(s.rows, s.experts, 32,
                    RouterBackward<T>{s, scores.data(), chosen.data(), dweights.data(), dlogits.data()});
  }
  void combine_forward(std::int64_t width, int top_k, In<T> x, Indices place, ConstSums<T> weights, Out<T> y) override {
    teams_.per_row(std::ssize(place) / top_k, width,
                   CombineForward<T>{width, top_k, x.data(), place.data(), weights.data(), y.data()});
  }
  void combine_backward(std::int64_t width, int top_k, In<T> x, Indices place, ConstSums<T> weights, In<T> dy,
                        Out<T> dx, Sums<T> dweights) override {
    teams_.per_row(std::ssize(place), width,
                   CombineBackward<T>{width, top_k, x.data(), place.data(), weights.data(), dy.data(), dx.data(),
                                      dweights.data()});
  }

  void embedding_forward(std::int64_t width, std::int64_t first, Indices tokens, In<T> table, Out<T> y) override {
    gather(width, first, table, tokens, y);
  }
  void embedding_weight_gradient(std::int64_t width, std::int64_t first, Indices tokens, In<T> dy,
                                 Sums<T> dtable) override {
    add_by_index(width, first, dy, tokens, dtable);
  }
  void rotary_forward(RotaryShape s, ConstSums<T> table, Matrix<const T> x, Matrix<T> y) override {
    turn(s, 1, table, x, y);
  }
  void rotary_backward(RotaryShape s, ConstSums<T> table, Matrix<const T> dy, Matrix<T> dx) override {
    turn(s, -1, table, dy, dx);
  }

 private:
  void gather(std::int64_t width, std::int64_t first, In<T> from, Indices index, Out<T> y) {
    const auto lists = teams_.machine().lists(index);
    teams_.per_row(std::ssize(index), width,
                   GatherRow<T>{width, first, rows_of(from, width), from.data(), lists[0], y.data()});
  }

  template <class To>
  void add_by_index(std::int64_t width, std::int64_t first, In<T> from, Indices index, std::span<To> to) {
    const RowsByIndex by = rows_by_index(first, rows_of(to, width), index);
    const auto lists = teams_.machine().lists(by.index, by.begin, by.row);
    teams_.by_columns(
        width, AddRowGroup<T, To>{std::ssize(by.index), width, from.data(), lists[0], lists[1], lists[2], to.data()});
  }

  void turn(RotaryShape s, A direction, ConstSums<T> table, Matrix<const T> x, Matrix<T> y) {
    teams_.per_row(s.rows, std::int64_t{s.heads} * s.head_dim / 2,
                   TurnRow<T>{s.heads, s.head_dim, direction, std::ssize(table) / s.head_dim, table.data(), x, y});
  }

  TeamLaunch<Machine>& teams_;
};

}  // namespace forerun::cuda

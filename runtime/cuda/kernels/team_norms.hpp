// Norms on teams of threads: which bodies are launched, over how many rows, with what scratch.
#pragma once

#include "runtime/cuda/kernels/norm_kernels.hpp"
#include "runtime/cuda/kernels/row_kernels.hpp"
#include "runtime/cuda/kernels/team_launch.hpp"
#include "runtime/operators.hpp"

namespace forerun::cuda {

template <class T, class Machine>
class TeamNorms : public virtual NormOperators<T> {
 public:
  using A = Arithmetic<T>;

  explicit TeamNorms(TeamLaunch<Machine>& teams) : teams_(teams) {}

  void rms_norm_forward(double epsilon, In<T> x, In<T> w, Out<T> y) override {
    norm_forward<false>(epsilon, x, w, {}, y);
  }
  void rms_norm_backward(double epsilon, In<T> x, In<T> w, In<T> dy, Out<T> dx, Sums<T> dw) override {
    norm_backward<false>(epsilon, x, w, dy, dx, dw, {});
  }
  void layer_norm_forward(double epsilon, In<T> x, In<T> w, In<T> b, Out<T> y) override {
    norm_forward<true>(epsilon, x, w, b, y);
  }
  void layer_norm_backward(double epsilon, In<T> x, In<T> w, In<T> dy, Out<T> dx, Sums<T> dw, Sums<T> db) override {
    norm_backward<true>(epsilon, x, w, dy, dx, dw, db);
  }

 private:
  template <bool centred>
  void norm_forward(double epsilon, In<T> x, In<T> w, In<T> b, Out<T> y) {
    const std::int64_t width = std::ssize(w);
    teams_.per_row(
        rows_of(x, width), width,
        NormForward<centred, T>{epsilon, width, x.data(), w.data(), b.empty() ? nullptr : b.data(), y.data()});
  }

  template <bool centred>
  void norm_backward(double epsilon, In<T> x, In<T> w, In<T> dy, Out<T> dx, Sums<T> dw, Sums<T> db) {
    const std::int64_t width = std::ssize(w), count = rows_of(x, width);
    if (count == 0) return;
    const RowGroups groups = row_groups(count);
    // The rows' statistics, then the groups' sums of dw, and of db.
    A* const room = teams_.template scratch_of<A>(2 * count + (db.empty() ? 1 : 2) * groups.count() * width);
    auto* const statistics = reinterpret_cast<NormStatistics<A>*>(room);
    A *const weights = room + 2 * count, *const biases = db.empty() ? nullptr : weights + groups.count() * width;
    teams_.per_row(count, width,
                   NormInputGradient<centred, T>{epsilon, width, x.data(), w.data(), dy.data(), dx.data(), statistics});
    teams_.by_columns(width, NormWeightGradient<T>{groups, width, x.data(), dy.data(), statistics, weights, biases});
    teams_.by_columns(width, AddPartials<A>{groups.count(), width, weights, dw.data()});
    if (!db.empty()) teams_.by_columns(width, AddPartials<A>{groups.count(), width, biases, db.data()});
  }

  TeamLaunch<Machine>& teams_;
};

}  // namespace forerun::cuda

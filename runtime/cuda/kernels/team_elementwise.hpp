// Activations, sums and formats on teams of threads.
#pragma once

#include "runtime/cuda/kernels/elementwise_kernels.hpp"
#include "runtime/cuda/kernels/team_launch.hpp"
#include "runtime/operators.hpp"

namespace forerun::cuda {

template <class T, class Machine>
class TeamElementwise : public virtual ElementwiseOperators<T> {
 public:
  using A = Arithmetic<T>;

  explicit TeamElementwise(TeamLaunch<Machine>& teams) : teams_(teams) {}

  void gelu_forward(In<T> x, Out<T> y) override { teams_.write(y, GeluOf<T>{x.data()}); }
  void gelu_backward(In<T> x, In<T> dy, Out<T> dx) override {
    teams_.write(dx, GeluGradientOf<T>{x.data(), dy.data()});
  }
  void swiglu_forward(std::int64_t width, In<T> x, Out<T> y) override {
    teams_.per_row(rows_of(y, width), width, SwigluForward<T>{width, x.data(), y.data()});
  }
  void swiglu_backward(std::int64_t width, In<T> x, In<T> dy, Out<T> dx) override {
    teams_.per_row(rows_of(dy, width), width, SwigluBackward<T>{width, x.data(), dy.data(), dx.data()});
  }

  void add(In<T> a, In<T> b, Out<T> sum) override { teams_.write(sum, SumOf<T>{a.data(), b.data()}); }
  void add_sums(ConstSums<T> a, ConstSums<T> b, Sums<T> sum) override {
    teams_.write(sum, SumOf<A>{a.data(), b.data()});
  }
  void add_rows_of(std::int64_t rows, std::int64_t width, Matrix<const T> x, Matrix<T> sum) override {
    teams_.per_row(rows, width, AddRow<T>{width, x, sum});
  }
  void fill_sums(A value, Sums<T> sums) override { teams_.write(sums, Same<A>{value}); }
  void narrow(ConstSums<T> x, Out<T> y) override { teams_.write(y, Of<A>{x.data()}); }

 private:
  TeamLaunch<Machine>& teams_;
};

}  // namespace forerun::cuda

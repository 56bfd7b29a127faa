// The loss and the optimiser on teams of threads.
#pragma once

#include "runtime/cuda/kernels/elementwise_kernels.hpp"
#include "runtime/cuda/kernels/loss_kernels.hpp"
#include "runtime/cuda/kernels/team_launch.hpp"
#include "runtime/operators.hpp"

namespace forerun::cuda {

template <class T, class Machine>
class TeamTraining : public virtual TrainingOperators<T> {
 public:
  using A = Arithmetic<T>;

  explicit TeamTraining(TeamLaunch<Machine>& teams) : teams_(teams) {}

  void cross_entropy_forward(std::int64_t first, In<T> logits, Indices targets, Sums<T> exponentials,
                             LossRows<T> statistics) override {
    if (targets.empty()) return;
    const std::int64_t columns = std::ssize(logits) / std::ssize(targets);
    const auto lists = teams_.machine().lists(targets);
    teams_.per_item(
        std::ssize(targets), columns, 512,
        CrossEntropyForward<T>{first, columns, logits.data(), lists[0], exponentials.data(), statistics.data()});
  }
  void cross_entropy_backward(std::int64_t first, int slice, A scale, ConstSums<T> exponentials,
                              ConstLossRows<T> statistics, Indices targets, Out<T> dlogits) override {
    if (targets.empty()) return;
    const std::int64_t rows = std::ssize(targets), columns = std::ssize(dlogits) / rows,
                       slices = std::ssize(statistics) / rows;
    const auto lists = teams_.machine().lists(targets);
    teams_.per_item(rows, columns, 512,
                    CrossEntropyBackward<T>{first, columns, rows, slices, slice, scale, exponentials.data(),
                                            statistics.data(), lists[0], dlogits.data()});
  }
  void add_losses(ConstLossRows<T> statistics, Sums<T> losses) override {
    if (losses.empty()) return;
    const std::int64_t rows = std::ssize(losses);
    teams_.per_item(
        1, rows, 512,
        AddLosses<A>{rows, std::ssize(statistics) / rows, statistics.data(), losses.data(), teams_.machine().losses()});
  }
  [[nodiscard]] double take_losses() override { return teams_.machine().take_losses(); }

  void adamw_update(const AdamW& how, std::int64_t step, A gradient_scale, ConstSums<T> gradient, Sums<T> m, Sums<T> v,
                    Sums<T> master, Out<T> parameters) override {
    AdamWUpdate<T> update(how, step, gradient_scale);
    update.count = std::ssize(gradient);
    update.gradient = gradient.data(), update.m = m.data(), update.v = v.data(), update.master = master.data();
    update.parameters = parameters.empty() ? nullptr : parameters.data();
    teams_.per_tile(update.count, update);
  }

 private:
  TeamLaunch<Machine>& teams_;
};

}  // namespace forerun::cuda

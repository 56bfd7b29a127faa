// A rank's numbers in one format: its weights, what its instructions compute and what it exchanges.
#pragma once

#include "executor/ranks/expert_rows.hpp"
#include "executor/ranks/numbers/kernel_context.hpp"
#include "executor/ranks/rank_numbers.hpp"

namespace forerun {

// T: of activations and weights; sums, gradients of weights and optimiser states are in Arithmetic<T>.
template <class T>
class NumbersOf : public RankNumbers {
 public:
  NumbersOf(RankContext&, ExpertRows&);

  void compute(const Computation&) override;
  void exchange(const Communication&, Communicator&) override;
  [[nodiscard]] std::function<void()> exchange_replicas(const Communication&, Communicator&) override;
  void begin_tensor(TensorId id) override { kernels_.weights.begin_tensor(id); }
  void end_tensor(TensorId id) override { kernels_.weights.end_tensor(id); }
  [[nodiscard]] double take_losses() override { return kernels_.on.take_losses(); }

  [[nodiscard]] FlatWeights<T>& weights() { return kernels_.flat; }

 private:
  void fill_rotary_tables();
  void add_up_reads();
  void update();

  RankContext& rank_;
  KernelContext<T> kernels_;
};

// In the format of the job.
std::unique_ptr<RankNumbers> make_numbers(RankContext&, ExpertRows&);

}  // namespace forerun

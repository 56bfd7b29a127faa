// What touches numbers, in the format of the job: weights, operators and exchanges (numbers/). All else of a rank is
// the same in every format.
#pragma once

#include <functional>
#include <memory>

#include "executor/ranks/rank_context.hpp"

namespace forerun {

class RankNumbers {
 public:
  virtual ~RankNumbers() = default;
  RankNumbers() = default;
  RankNumbers(const RankNumbers&) = delete;
  RankNumbers& operator=(const RankNumbers&) = delete;

  // The instruction at work.
  virtual void compute(const Computation&) = 0;
  virtual void exchange(const Communication&, Communicator&) = 0;
  // Of parameters or gradients between replicas: may be called while other instructions are at work.
  [[nodiscard]] virtual std::function<void()> exchange_replicas(const Communication&, Communicator&) = 0;

  // Of the micro-batch at work: after a tensor has its memory, and before it loses it.
  virtual void begin_tensor(TensorId) = 0;
  virtual void end_tensor(TensorId) = 0;

  // The sum over all rows since it was last asked for; waits for it.
  [[nodiscard]] virtual double take_losses() = 0;
};

}  // namespace forerun

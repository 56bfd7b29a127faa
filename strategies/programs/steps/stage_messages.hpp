// What a stage receives from its neighbours and sends to them.
#pragma once

#include "strategies/programs/steps/chunk.hpp"

namespace forerun {

class StageMessages {
 public:
  StageMessages(const Scenario& given, const Plan& plan, StageEmission& emit)
      : given_(given), plan_(plan), emit_(emit), token_(emit.token()) {}

  // Nothing, where there is no such stage or it is the chunk's own.
  void receive(std::optional<int> from, Lane, TensorId);
  void send(std::optional<int> to, Flow, TensorId);

 private:
  const Scenario& given_;
  const Plan& plan_;
  StageEmission& emit_;
  TokenId token_;
};

}  // namespace forerun

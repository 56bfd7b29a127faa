// The operators of runtime/operators.hpp on teams of threads, but for products and attention.
#pragma once

#include <utility>

#include "runtime/cuda/kernels/team_elementwise.hpp"
#include "runtime/cuda/kernels/team_norms.hpp"
#include "runtime/cuda/kernels/team_tokens.hpp"
#include "runtime/cuda/kernels/team_training.hpp"

namespace forerun::cuda {

// The base that launches stands before those that use it.
template <class T, class Machine>
class TeamOperators : public Operators<T>,
                      protected TeamLaunch<Machine>,
                      public TeamNorms<T, Machine>,
                      public TeamElementwise<T, Machine>,
                      public TeamTokens<T, Machine>,
                      public TeamTraining<T, Machine> {
 public:
  explicit TeamOperators(Machine machine)
      : TeamLaunch<Machine>(std::move(machine)),
        TeamNorms<T, Machine>(launch()),
        TeamElementwise<T, Machine>(launch()),
        TeamTokens<T, Machine>(launch()),
        TeamTraining<T, Machine>(launch()) {}

 protected:
  [[nodiscard]] TeamLaunch<Machine>& launch() { return *this; }
};

}  // namespace forerun::cuda

// Which kernels an operator's parts run, and with which weight: a row for each kind of operator.
#pragma once

#include "executor/ranks/numbers/kernels.hpp"

namespace forerun {

template <class T>
struct OperatorKernels {
  OperatorKind kind{};
  WeightKind weight{};  // of operators that have one
  KernelFunction<T> forward = nullptr, input_gradient = nullptr,
                    weight_gradient = nullptr;  // null: there is no such part
};

// Throws std::logic_error where the executor has no such operator, or the operator no such part.
template <class T>
void run_kernel(KernelContext<T>&, OperatorKind, Part);

}  // namespace forerun

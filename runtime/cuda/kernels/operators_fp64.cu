#include "runtime/cuda/kernels/operators_in.hpp"

namespace forerun::cuda {

template <>
std::unique_ptr<Operators<double>> make_operators(CudaBackend& on) {
  return std::make_unique<CudaOperators<double>>(on);
}

}  // namespace forerun::cuda

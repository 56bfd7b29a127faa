#include "runtime/cuda/kernels/operators_in.hpp"

namespace forerun::cuda {

template <>
std::unique_ptr<Operators<float>> make_operators(CudaBackend& on) {
  return std::make_unique<CudaOperators<float>>(on);
}

}  // namespace forerun::cuda

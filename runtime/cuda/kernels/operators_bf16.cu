#include "runtime/cuda/kernels/operators_in.hpp"

namespace forerun::cuda {

template <>
std::unique_ptr<Operators<BFloat16>> make_operators(CudaBackend& on) {
  return std::make_unique<CudaOperators<BFloat16>>(on);
}

}  // namespace forerun::cuda

// The table of operators on a GPU.
#pragma once

#include <memory>

#include "runtime/operators.hpp"

namespace forerun::cuda {

class CudaBackend;

// They work on the backend's lane in use; it outlives them.
template <class T>
std::unique_ptr<Operators<T>> make_operators(CudaBackend&);

}  // namespace forerun::cuda

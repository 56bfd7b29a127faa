// Every call of CUDA's runtime is checked.
#pragma once

#include <cuda_runtime_api.h>

namespace forerun::cuda {

// Throws std::runtime_error: "cudaMemcpyAsync: an illegal memory access was encountered (cudaErrorIllegalAddress)".
void check(cudaError_t, const char* what);

}  // namespace forerun::cuda

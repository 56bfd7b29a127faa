#include "runtime/cuda/check.hpp"

#include <stdexcept>
#include <string>

namespace forerun::cuda {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // it is not the next call's
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")");
}

}  // namespace forerun::cuda

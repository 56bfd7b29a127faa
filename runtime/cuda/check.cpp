#include "runtime/cuda/check.hpp"

#include <stdexcept>
#include <string>

namespace forerun::cuda {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")");
}

}  // namespace forerun::cuda

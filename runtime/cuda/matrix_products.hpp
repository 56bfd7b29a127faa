// Matrix products of one lane: cuBLASLt, which is looked for when the first is asked for.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <memory>

#include "runtime/cuda/column_major.hpp"
#include "runtime/cuda/resources.hpp"

namespace forerun::cuda {

class MatrixProducts {
 public:
  MatrixProducts(int device, cudaStream_t);
  ~MatrixProducts();
  MatrixProducts(const MatrixProducts&) = delete;
  MatrixProducts& operator=(const MatrixProducts&) = delete;

  // c = op(a) op(b), or added to c. In fp64, fp32 without TF32, and of bf16 with sums in fp32.
  template <class T, class C>
  void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
                Matrix<const T> b, bool added, Matrix<C> c);

 private:
  struct Library;
  struct Kind;
  struct Plan;
  const Plan& plan_of(const Kind&);

  cudaStream_t stream_;
  std::int64_t workspace_bytes_;
  DeviceMemory workspace_;
  std::unique_ptr<Library> library_;
  std::map<Kind, std::unique_ptr<const Plan>> plans_;
};

}  // namespace forerun::cuda

// Matrix products on one thread: OpenBLAS. All matrices are row-major.
//
// Safe to call from several threads at once, each product on the thread that asks for it.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/cpu/number.hpp"

namespace forerun {

// op(a): a as it lies in memory, or its transpose.
enum class Turn : bool { as_is, transposed };

// A matrix in memory: row i starts at data + i * stride.
template <class T>
struct Matrix {
  T* data = nullptr;
  std::int64_t stride = 0;

  [[nodiscard]] constexpr T* row(std::int64_t i) const { return data + i * stride; }
  constexpr operator Matrix<const T>() const {
    return {data, stride};
  }  // NOLINT(google-explicit-constructor): as pointers do
};

// c[m,n] = alpha op(a)[m,k] op(b)[k,n] + beta c. With beta = 0, c may hold anything before.
void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
              Matrix<const double> a, Matrix<const double> b, double beta, Matrix<double> c);
void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
              Matrix<const float> a, Matrix<const float> b, float beta, Matrix<float> c);
// Operands in bf16 are widened first, each a copy in fp32 beside them (Debian's OpenBLAS has no product of bf16); sums
// are fp32.
void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
              Matrix<const BFloat16> a, Matrix<const BFloat16> b, float beta, Matrix<float> c);
void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
              Matrix<const BFloat16> a, Matrix<const BFloat16> b, float beta, Matrix<BFloat16> c);

// The library, its version and the processor that it took this machine for.
std::string matrix_library();

}  // namespace forerun

#include "runtime/matrix_product.hpp"

#include <cblas.h>

#include <vector>

namespace forerun {
namespace {

CBLAS_TRANSPOSE blas(Turn turn) { return turn == Turn::transposed ? CblasTrans : CblasNoTrans; }
blasint blas(std::int64_t size) { return static_cast<blasint>(size); }

// Another OpenBLAS than the serial one may be installed in its place; it would start threads of its own.
void stay_on_this_thread() {
  static const bool once = (openblas_set_num_threads(1), true);
  static_cast<void>(once);
}

// A product with nothing to add up leaves beta C, which BLAS may not be asked for with strides of 0.
template <class T>
bool is_empty(std::int64_t m, std::int64_t n, std::int64_t k, T beta, Matrix<T> C) {
  if (m == 0 || n == 0) return true;
  if (k > 0) return false;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) C.row(i)[j] = beta == T(0) ? T(0) : beta * C.row(i)[j];
  }
  return true;
}

struct Widened {
  std::vector<float> numbers;
  std::int64_t stride;

  operator Matrix<const float>() const { return {numbers.data(), stride}; }  // NOLINT(google-explicit-constructor)
};

Widened widen(Turn turn, std::int64_t rows, std::int64_t columns, Matrix<const BFloat16> from) {
  if (turn == Turn::transposed) std::swap(rows, columns);
  Widened to{std::vector<float>(static_cast<std::size_t>(rows * columns)), columns};
  for (std::int64_t i = 0; i < rows; ++i) {
    float* row = to.numbers.data() + i * columns;
    for (std::int64_t j = 0; j < columns; ++j) row[j] = from.row(i)[j];
  }
  return to;
}

}  // namespace

void multiply(Turn a, Turn b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha, Matrix<const double> A,
              Matrix<const double> B, double beta, Matrix<double> C) {
  stay_on_this_thread();
  if (is_empty(m, n, k, beta, C)) return;
  cblas_dgemm(CblasRowMajor, blas(a), blas(b), blas(m), blas(n), blas(k), alpha, A.data, blas(A.stride), B.data,
              blas(B.stride), beta, C.data, blas(C.stride));
}

void multiply(Turn a, Turn b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, Matrix<const float> A,
              Matrix<const float> B, float beta, Matrix<float> C) {
  stay_on_this_thread();
  if (is_empty(m, n, k, beta, C)) return;
  cblas_sgemm(CblasRowMajor, blas(a), blas(b), blas(m), blas(n), blas(k), alpha, A.data, blas(A.stride), B.data,
              blas(B.stride), beta, C.data, blas(C.stride));
}

void multiply(Turn a, Turn b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, Matrix<const BFloat16> A,
              Matrix<const BFloat16> B, float beta, Matrix<float> C) {
  const Widened wide_a = widen(a, m, k, A), wide_b = widen(b, k, n, B);
  multiply(a, b, m, n, k, alpha, Matrix<const float>(wide_a), Matrix<const float>(wide_b), beta, C);
}

void multiply(Turn a, Turn b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, Matrix<const BFloat16> A,
              Matrix<const BFloat16> B, float beta, Matrix<BFloat16> C) {
  Widened sum{std::vector<float>(static_cast<std::size_t>(m * n)), n};
  if (beta != 0) sum = widen(Turn::as_is, m, n, C);
  multiply(a, b, m, n, k, alpha, A, B, beta, Matrix<float>{sum.numbers.data(), n});
  for (std::int64_t i = 0; i < m; ++i) {
    const float* row = sum.numbers.data() + i * n;
    for (std::int64_t j = 0; j < n; ++j) C.row(i)[j] = row[j];
  }
}

std::string matrix_library() { return std::string(openblas_get_config()) + " " + openblas_get_corename(); }

}  // namespace forerun

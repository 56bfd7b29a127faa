#include "runtime/cpu/matrix_product.hpp"

#include <cblas.h>

#include <mutex>
#include <vector>

namespace forerun {
namespace {

CBLAS_TRANSPOSE blas(Turn turn) { return turn == Turn::transposed ? CblasTrans : CblasNoTrans; }
blasint blas(std::int64_t size) { return static_cast<blasint>(size); }

// OpenBLAS starts no threads of its own. Debian's serial build shares buffers between callers without a lock (small
// products come out wrong), so there one product waits for the other.
std::unique_lock<std::mutex> on_this_thread() {
  static const bool is_serial = (openblas_set_num_threads(1), openblas_get_parallel() == OPENBLAS_SEQUENTIAL);
  static std::mutex one_at_a_time;
  return is_serial ? std::unique_lock(one_at_a_time) : std::unique_lock<std::mutex>();
}

// A product with nothing to add up leaves beta c, which BLAS may not be asked for with strides of 0.
template <class T>
bool is_empty(std::int64_t m, std::int64_t n, std::int64_t k, T beta, Matrix<T> c) {
  if (m == 0 || n == 0) return true;
  if (k > 0) return false;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) c.row(i)[j] = beta == T(0) ? T(0) : beta * c.row(i)[j];
  }
  return true;
}

// gemm: BLAS's for T.
template <class T, class Gemm>
void product(Gemm gemm, Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, T alpha,
             Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c) {
  if (is_empty(m, n, k, beta, c)) return;
  const auto lock = on_this_thread();
  gemm(CblasRowMajor, blas(turn_a), blas(turn_b), blas(m), blas(n), blas(k), alpha, a.data, blas(a.stride), b.data,
       blas(b.stride), beta, c.data, blas(c.stride));
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

void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
              Matrix<const double> a, Matrix<const double> b, double beta, Matrix<double> c) {
  product(cblas_dgemm, turn_a, turn_b, m, n, k, alpha, a, b, beta, c);
}

void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
              Matrix<const float> a, Matrix<const float> b, float beta, Matrix<float> c) {
  product(cblas_sgemm, turn_a, turn_b, m, n, k, alpha, a, b, beta, c);
}

void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
              Matrix<const BFloat16> a, Matrix<const BFloat16> b, float beta, Matrix<float> c) {
  const Widened wide_a = widen(turn_a, m, k, a), wide_b = widen(turn_b, k, n, b);
  multiply(turn_a, turn_b, m, n, k, alpha, Matrix<const float>(wide_a), Matrix<const float>(wide_b), beta, c);
}

void multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
              Matrix<const BFloat16> a, Matrix<const BFloat16> b, float beta, Matrix<BFloat16> c) {
  Widened sum{std::vector<float>(static_cast<std::size_t>(m * n)), n};
  if (beta != 0) sum = widen(Turn::as_is, m, n, c);
  multiply(turn_a, turn_b, m, n, k, alpha, a, b, beta, Matrix<float>{sum.numbers.data(), n});
  for (std::int64_t i = 0; i < m; ++i) {
    const float* row = sum.numbers.data() + i * n;
    for (std::int64_t j = 0; j < n; ++j) c.row(i)[j] = row[j];
  }
}

std::string matrix_library() { return std::string(openblas_get_config()) + " " + openblas_get_corename(); }

}  // namespace forerun

#include "runtime/linear.hpp"

#include <cassert>

#include "runtime/instantiate.hpp"
#include "runtime/matrix_product.hpp"

namespace forerun {

template <class T>
void linear_forward(LinearShape s, std::span<const T> x, std::span<const T> w, std::span<T> y) {
  multiply(Turn::as_is, Turn::as_is, s.rows, s.out, s.in, 1, Matrix<const T>{x.data(), s.in},
           Matrix<const T>{w.data(), s.out}, 0, Matrix<T>{y.data(), s.out});
}

template <class T>
void linear_input_gradient(LinearShape s, std::span<const T> dy, std::span<const T> w, std::span<T> dx) {
  multiply(Turn::as_is, Turn::transposed, s.rows, s.in, s.out, 1, Matrix<const T>{dy.data(), s.out},
           Matrix<const T>{w.data(), s.out}, 0, Matrix<T>{dx.data(), s.in});
}

template <class T>
void linear_weight_gradient(LinearShape s, std::span<const T> x, std::span<const T> dy, std::span<Arithmetic<T>> dw) {
  multiply(Turn::transposed, Turn::as_is, s.in, s.out, s.rows, 1, Matrix<const T>{x.data(), s.in},
           Matrix<const T>{dy.data(), s.out}, 1, Matrix<Arithmetic<T>>{dw.data(), s.out});
}

template <class T>
void add_bias(std::span<const T> b, std::span<T> y) {
  assert(!b.empty() && y.size() % b.size() == 0);
  for (std::size_t row = 0; row < y.size(); row += b.size()) {
    for (std::size_t j = 0; j < b.size(); ++j) y[row + j] = T(Arithmetic<T>(y[row + j]) + Arithmetic<T>(b[j]));
  }
}

template <class T>
void bias_gradient(std::span<const T> dy, std::span<Arithmetic<T>> db) {
  assert(!db.empty() && dy.size() % db.size() == 0);
  for (std::size_t row = 0; row < dy.size(); row += db.size()) {
    for (std::size_t j = 0; j < db.size(); ++j) db[j] += Arithmetic<T>(dy[row + j]);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_LINEAR(T)                                                                                    \
  template void linear_forward<T>(LinearShape, std::span<const T>, std::span<const T>, std::span<T>);        \
  template void linear_input_gradient<T>(LinearShape, std::span<const T>, std::span<const T>, std::span<T>); \
  template void linear_weight_gradient<T>(LinearShape, std::span<const T>, std::span<const T>,               \
                                          std::span<Arithmetic<T>>);                                         \
  template void add_bias<T>(std::span<const T>, std::span<T>);                                               \
  template void bias_gradient<T>(std::span<const T>, std::span<Arithmetic<T>>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_LINEAR)

}  // namespace forerun

#include "runtime/cpu/activations.hpp"

#include <cassert>

#include "runtime/cpu/exponential.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

// With s = sigmoid(2 z), (1 + tanh z) / 2 = s, and ds/dx = 2 s (1 - s) dz/dx. z = slope (x + cubic x^3).
template <class A>
constexpr A slope = A(0.79788456080286535588);  // sqrt(2 / pi)
template <class A>
constexpr A cubic = A(0.044715);

template <class A>
A sigmoid(A x) {
  return 1 / (1 + exponential(-x));
}

}  // namespace

template <class T>
void gelu_forward(std::span<const T> x, std::span<T> y) {
  using A = Arithmetic<T>;
  assert(y.size() == x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const A v = x[i];
    y[i] = T(v * sigmoid(2 * slope<A> * (v + cubic<A> * v * v * v)));
  }
}

template <class T>
void gelu_backward(std::span<const T> x, std::span<const T> dy, std::span<T> dx) {
  using A = Arithmetic<T>;
  assert(dy.size() == x.size() && dx.size() == x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const A v = x[i], s = sigmoid(2 * slope<A> * (v + cubic<A> * v * v * v));
    dx[i] = T(A(dy[i]) * s * (1 + v * (1 - s) * 2 * slope<A> * (1 + 3 * cubic<A> * v * v)));
  }
}

template <class T>
void swiglu_forward(std::int64_t width, std::span<const T> x, std::span<T> y) {
  using A = Arithmetic<T>;
  const auto n = static_cast<std::size_t>(width);
  assert(x.size() == 2 * y.size() && y.size() % n == 0);
  for (std::size_t row = 0; row < y.size(); row += n) {
    const T *g = x.data() + 2 * row, *u = g + n;
    T* out = y.data() + row;
    for (std::size_t j = 0; j < n; ++j) out[j] = T(A(g[j]) * sigmoid(A(g[j])) * A(u[j]));
  }
}

template <class T>
void swiglu_backward(std::int64_t width, std::span<const T> x, std::span<const T> dy, std::span<T> dx) {
  using A = Arithmetic<T>;
  const auto n = static_cast<std::size_t>(width);
  assert(x.size() == 2 * dy.size() && dx.size() == x.size() && dy.size() % n == 0);
  for (std::size_t row = 0; row < dy.size(); row += n) {
    const T *g = x.data() + 2 * row, *u = g + n, *d = dy.data() + row;
    T *dg = dx.data() + 2 * row, *du = dg + n;
    for (std::size_t j = 0; j < n; ++j) {
      const A v = g[j], s = sigmoid(v), gradient = d[j], up = u[j];
      dg[j] = T(gradient * up * s * (1 + v * (1 - s)));
      du[j] = T(gradient * v * s);
    }
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ACTIVATIONS(T)                                                          \
  template void gelu_forward<T>(std::span<const T>, std::span<T>);                      \
  template void gelu_backward<T>(std::span<const T>, std::span<const T>, std::span<T>); \
  template void swiglu_forward<T>(std::int64_t, std::span<const T>, std::span<T>);      \
  template void swiglu_backward<T>(std::int64_t, std::span<const T>, std::span<const T>, std::span<T>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ACTIVATIONS)

}  // namespace forerun

// Sums and formats (runtime/cpu/elementwise.hpp), activations (runtime/cpu/activations.hpp) and AdamW
// (runtime/cpu/adamw.hpp).
#pragma once

#include <cmath>

#include "runtime/cpu/adamw.hpp"
#include "runtime/cpu/matrix_product.hpp"
#include "runtime/cuda/kernels/each_element.hpp"

namespace forerun::cuda {

// --- what is found at element i, for WriteEach ---

template <class T>
struct SumOf {
  const T *a, *b;
  FORERUN_ANYWHERE Arithmetic<T> operator()(std::int64_t i) const { return Arithmetic<T>(a[i]) + Arithmetic<T>(b[i]); }
};
template <class A>
struct Same {
  A value;
  FORERUN_ANYWHERE A operator()(std::int64_t) const { return value; }
};
template <class A>
struct Of {
  const A* x;
  FORERUN_ANYWHERE A operator()(std::int64_t i) const { return x[i]; }
};

template <class A>
FORERUN_ANYWHERE A sigmoid(A x) {
  return 1 / (1 + std::exp(-x));
}

// With s = sigmoid(2 z), (1 + tanh z) / 2 = s, and ds/dx = 2 s (1 - s) dz/dx. z = slope (x + cubic x^3).
template <class A>
struct GeluTerms {
  static constexpr A slope = A(0.79788456080286535588), cubic = A(0.044715);  // slope: sqrt(2 / pi)
  FORERUN_ANYWHERE static A gate(A x) { return sigmoid(2 * slope * (x + cubic * x * x * x)); }
};
template <class T>
struct GeluOf {
  using A = Arithmetic<T>;
  const T* x;
  FORERUN_ANYWHERE A operator()(std::int64_t i) const {
    const A v = x[i];
    return v * GeluTerms<A>::gate(v);
  }
};
template <class T>
struct GeluGradientOf {
  using A = Arithmetic<T>;
  const T *x, *dy;
  FORERUN_ANYWHERE A operator()(std::int64_t i) const {
    using Gelu = GeluTerms<A>;
    const A v = x[i], s = Gelu::gate(v);
    return A(dy[i]) * s * (1 + v * (1 - s) * 2 * Gelu::slope * (1 + 3 * Gelu::cubic * v * v));
  }
};

// --- bodies ---

// An item is a row: of g beside u in x, of the result in y.
template <class T>
struct SwigluForward {
  using A = Arithmetic<T>;
  std::int64_t width;
  const T* x;
  T* y;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const T *g = x + 2 * row * width, *u = g + width;
    write_each(team, 0, width, [=](std::int64_t j) { return A(g[j]) * sigmoid(A(g[j])) * A(u[j]); }, y + row * width);
  }
};
template <class T>
struct SwigluBackward {
  using A = Arithmetic<T>;
  std::int64_t width;
  const T *x, *dy;
  T* dx;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const T *g = x + 2 * row * width, *u = g + width, *d = dy + row * width;
    T *dg = dx + 2 * row * width, *du = dg + width;
    for (std::int64_t j = team.rank(); j < width; j += team.size()) {
      const A v = g[j], s = sigmoid(v), gradient = d[j], up = u[j];
      dg[j] = T(gradient * up * s * (1 + v * (1 - s)));
      du[j] = T(gradient * v * s);
    }
  }
};

// An item is a row of matrices: sum += x.
template <class T>
struct AddRow {
  std::int64_t width;
  Matrix<const T> x;
  Matrix<T> sum;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    T* const to = sum.row(row);
    write_each(team, 0, width, SumOf<T>{to, x.row(row)}, to);
  }
};

// An item is a tile of a shard. `first` and `second` undo the moments' bias: 1 / (1 - beta^step).
template <class T>
struct AdamWUpdate {
  using A = Arithmetic<T>;
  std::int64_t count;
  A scale, first, second, beta1, beta2, rest1, rest2, rate, epsilon, decay;
  const A* gradient;
  A *m, *v, *master;
  T* parameters;  // none: null

  AdamWUpdate(const AdamW& how, std::int64_t step, A gradient_scale)
      : count(0),
        scale(gradient_scale),
        first(static_cast<A>(1 / (1 - std::pow(how.beta1, static_cast<double>(step))))),
        second(static_cast<A>(1 / (1 - std::pow(how.beta2, static_cast<double>(step))))),
        beta1(static_cast<A>(how.beta1)),
        beta2(static_cast<A>(how.beta2)),
        rest1(static_cast<A>(1 - how.beta1)),
        rest2(static_cast<A>(1 - how.beta2)),
        rate(static_cast<A>(how.rate)),
        epsilon(static_cast<A>(how.epsilon)),
        decay(static_cast<A>(how.decay)),
        gradient(nullptr),
        m(nullptr),
        v(nullptr),
        master(nullptr),
        parameters(nullptr) {}

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t tile) const {
    const std::int64_t end = (tile + 1) * tile_elements, last = end < count ? end : count;
    for (std::int64_t i = tile * tile_elements + team.rank(); i < last; i += team.size()) {
      const A g = scale * gradient[i], old = master[i];
      const A mean = beta1 * m[i] + rest1 * g, square = beta2 * v[i] + rest2 * g * g;
      const A now = old - rate * (mean * first / (std::sqrt(square * second) + epsilon) + decay * old);
      m[i] = mean, v[i] = square, master[i] = now;
      if (parameters != nullptr) parameters[i] = T(now);
    }
  }
};

}  // namespace forerun::cuda

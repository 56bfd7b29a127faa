#include "runtime/cpu/norms.hpp"

#include <cassert>
#include <cmath>

#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

// x as a norm sees it: (x - mean) inverse; mean is 0 for RMSNorm.
template <class A>
struct Statistics {
  A mean, inverse;
};

template <class T>
Arithmetic<T> mean_square(const T* x, std::size_t width, Arithmetic<T> mean) {
  Arithmetic<T> sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t j = 0; j < width; ++j) sum += (Arithmetic<T>(x[j]) - mean) * (Arithmetic<T>(x[j]) - mean);
  return sum / static_cast<Arithmetic<T>>(width);
}

template <bool centred, class T>
Statistics<Arithmetic<T>> statistics(double epsilon, const T* x, std::size_t width) {
  using A = Arithmetic<T>;
  A mean = 0;
  if constexpr (centred) {
#pragma omp simd reduction(+ : mean)
    for (std::size_t j = 0; j < width; ++j) mean += A(x[j]);
    mean /= static_cast<A>(width);
  }
  return {mean, 1 / std::sqrt(mean_square(x, width, mean) + static_cast<A>(epsilon))};
}

template <bool centred, class T>
void forward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<const T> b, std::span<T> y) {
  using A = Arithmetic<T>;
  const std::size_t width = w.size();
  assert(x.size() % width == 0 && y.size() == x.size());
  for (std::size_t row = 0; row < x.size(); row += width) {
    const T* in = x.data() + row;
    T* out = y.data() + row;
    const auto [mean, inverse] = statistics<centred>(epsilon, in, width);
    if (b.empty()) {
      for (std::size_t j = 0; j < width; ++j) out[j] = T((A(in[j]) - mean) * inverse * A(w[j]));
    } else {
      for (std::size_t j = 0; j < width; ++j) out[j] = T((A(in[j]) - mean) * inverse * A(w[j]) + A(b[j]));
    }
  }
}

// With n = (x - mean) inverse and g = w dy: dx = inverse (g - mean(g) - n mean(g n)), mean(g) left out where the norm
// is not centred.
template <bool centred, class T>
void input_gradient(Statistics<Arithmetic<T>> s, const T* x, std::span<const T> w, const T* dy, T* dx) {
  using A = Arithmetic<T>;
  const std::size_t width = w.size();
  A sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
  for (std::size_t j = 0; j < width; ++j) {
    const A g = A(w[j]) * A(dy[j]);
    sum += g;
    product += g * (A(x[j]) - s.mean) * s.inverse;
  }
  const A mean = centred ? sum / static_cast<A>(width) : A(0), along = product / static_cast<A>(width);
  for (std::size_t j = 0; j < width; ++j) {
    dx[j] = T(s.inverse * (A(w[j]) * A(dy[j]) - mean - (A(x[j]) - s.mean) * s.inverse * along));
  }
}

template <class T>
void weight_gradient(Statistics<Arithmetic<T>> s, const T* x, const T* dy, std::span<Arithmetic<T>> dw,
                     std::span<Arithmetic<T>> db) {
  using A = Arithmetic<T>;
  for (std::size_t j = 0; j < dw.size(); ++j) dw[j] += A(dy[j]) * (A(x[j]) - s.mean) * s.inverse;
  for (std::size_t j = 0; j < db.size(); ++j) db[j] += A(dy[j]);
}

// Reads x and dy once.
template <bool centred, class T>
void backward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<const T> dy, std::span<T> dx,
              std::span<Arithmetic<T>> dw, std::span<Arithmetic<T>> db) {
  const std::size_t width = w.size();
  assert(x.size() % width == 0 && dy.size() == x.size());
  for (std::size_t row = 0; row < x.size(); row += width) {
    const auto s = statistics<centred>(epsilon, x.data() + row, width);
    weight_gradient(s, x.data() + row, dy.data() + row, dw, db);
    input_gradient<centred>(s, x.data() + row, w, dy.data() + row, dx.data() + row);
  }
}

}  // namespace

template <class T>
void rms_norm_forward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<T> y) {
  forward<false, T>(epsilon, x, w, {}, y);
}
template <class T>
void rms_norm_backward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<const T> dy,
                       std::span<T> dx, std::span<Arithmetic<T>> dw) {
  backward<false, T>(epsilon, x, w, dy, dx, dw, {});
}

template <class T>
void layer_norm_forward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<const T> b,
                        std::span<T> y) {
  forward<true, T>(epsilon, x, w, b, y);
}
template <class T>
void layer_norm_backward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<const T> dy,
                         std::span<T> dx, std::span<Arithmetic<T>> dw, std::span<Arithmetic<T>> db) {
  backward<true, T>(epsilon, x, w, dy, dx, dw, db);
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_NORMS(T)                                                                                               \
  template void rms_norm_forward<T>(double, std::span<const T>, std::span<const T>, std::span<T>);                     \
  template void rms_norm_backward<T>(double, std::span<const T>, std::span<const T>, std::span<const T>, std::span<T>, \
                                     std::span<Arithmetic<T>>);                                                        \
  template void layer_norm_forward<T>(double, std::span<const T>, std::span<const T>, std::span<const T>,              \
                                      std::span<T>);                                                                   \
  template void layer_norm_backward<T>(double, std::span<const T>, std::span<const T>, std::span<const T>,             \
                                       std::span<T>, std::span<Arithmetic<T>>, std::span<Arithmetic<T>>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_NORMS)

}  // namespace forerun

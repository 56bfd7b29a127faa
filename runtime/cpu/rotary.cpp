#include "runtime/cpu/rotary.hpp"

#include <cassert>
#include <cmath>

#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

template <class T>
void turn(RotaryShape s, Arithmetic<T> direction, std::span<const Arithmetic<T>> table, Matrix<const T> x,
          Matrix<T> y) {
  using A = Arithmetic<T>;
  assert(s.head_dim % 2 == 0);
  const int half = s.head_dim / 2;
  const std::int64_t positions = static_cast<std::int64_t>(table.size()) / s.head_dim;
  for (std::int64_t row = 0; row < s.rows; ++row) {
    const A *cosine = table.data() + (row % positions) * s.head_dim, *sine = cosine + half;
    for (int head = 0; head < s.heads; ++head) {
      const T* from = x.row(row) + std::int64_t{head} * s.head_dim;
      T* to = y.row(row) + std::int64_t{head} * s.head_dim;
      for (int i = 0; i < half; ++i) {
        const A a = from[i], b = from[i + half], c = cosine[i], d = direction * sine[i];
        to[i] = T(a * c - b * d);
        to[i + half] = T(b * c + a * d);
      }
    }
  }
}

}  // namespace

template <class A>
void fill_rotary_table(double theta, int head_dim, std::span<const std::int32_t> positions, std::span<A> table) {
  assert(table.size() == positions.size() * static_cast<std::size_t>(head_dim));
  A* out = table.data();
  for (const std::int32_t position : positions) {
    for (int i = 0; i < head_dim / 2; ++i) {
      const double angle = position * std::pow(theta, -2.0 * i / head_dim);
      out[i] = static_cast<A>(std::cos(angle));
      out[i + head_dim / 2] = static_cast<A>(std::sin(angle));
    }
    out += head_dim;
  }
}

template <class T>
void rotary_forward(RotaryShape s, std::span<const Arithmetic<T>> table, Matrix<const T> x, Matrix<T> y) {
  turn<T>(s, 1, table, x, y);
}

template <class T>
void rotary_backward(RotaryShape s, std::span<const Arithmetic<T>> table, Matrix<const T> dy, Matrix<T> dx) {
  turn<T>(s, -1, table, dy, dx);
}

template void fill_rotary_table<float>(double, int, std::span<const std::int32_t>, std::span<float>);
template void fill_rotary_table<double>(double, int, std::span<const std::int32_t>, std::span<double>);
// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ROTARY(T)                                                                                   \
  template void rotary_forward<T>(RotaryShape, std::span<const Arithmetic<T>>, Matrix<const T>, Matrix<T>); \
  template void rotary_backward<T>(RotaryShape, std::span<const Arithmetic<T>>, Matrix<const T>, Matrix<T>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ROTARY)

}  // namespace forerun

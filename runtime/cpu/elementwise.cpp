#include "runtime/cpu/elementwise.hpp"

#include <algorithm>
#include <cassert>

#include "runtime/cpu/instantiate.hpp"

namespace forerun {

template <class T>
void add(std::span<const T> a, std::span<const T> b, std::span<T> sum) {
  assert(a.size() == sum.size() && b.size() == sum.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = T(Arithmetic<T>(a[i]) + Arithmetic<T>(b[i]));
}

template <class T>
void narrow(std::span<const Arithmetic<T>> x, std::span<T> y) {
  assert(x.size() == y.size());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = T(x[i]);
}

template <class T>
void gather_rows(std::int64_t width, std::span<const T> x, std::span<const std::int32_t> index, std::span<T> y) {
  assert(y.size() == index.size() * static_cast<std::size_t>(width));
  for (std::size_t i = 0; i < index.size(); ++i) {
    std::copy_n(x.data() + index[i] * width, width, y.data() + static_cast<std::int64_t>(i) * width);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ELEMENTWISE(T)                                                \
  template void add<T>(std::span<const T>, std::span<const T>, std::span<T>); \
  template void narrow<T>(std::span<const Arithmetic<T>>, std::span<T>);      \
  template void gather_rows<T>(std::int64_t, std::span<const T>, std::span<const std::int32_t>, std::span<T>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ELEMENTWISE)

}  // namespace forerun

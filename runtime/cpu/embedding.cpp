#include "runtime/cpu/embedding.hpp"

#include <algorithm>
#include <cassert>

#include "runtime/cpu/instantiate.hpp"

namespace forerun {

template <class T>
void embedding_forward(std::int64_t width, std::int64_t first, std::span<const std::int32_t> tokens,
                       std::span<const T> table, std::span<T> y) {
  assert(y.size() == tokens.size() * static_cast<std::size_t>(width));
  const std::int64_t rows = static_cast<std::int64_t>(table.size()) / width;
  T* out = y.data();
  for (const std::int32_t token : tokens) {
    const std::int64_t row = token - first;
    if (row >= 0 && row < rows) {
      std::copy_n(table.data() + row * width, width, out);
    } else {
      std::fill_n(out, width, T(0));
    }
    out += width;
  }
}

template <class T>
void embedding_weight_gradient(std::int64_t width, std::int64_t first, std::span<const std::int32_t> tokens,
                               std::span<const T> dy, std::span<Arithmetic<T>> dtable) {
  assert(dy.size() == tokens.size() * static_cast<std::size_t>(width));
  const std::int64_t rows = static_cast<std::int64_t>(dtable.size()) / width;
  const T* in = dy.data();
  for (const std::int32_t token : tokens) {
    const std::int64_t row = token - first;
    if (row >= 0 && row < rows) {
      Arithmetic<T>* to = dtable.data() + row * width;
      for (std::int64_t j = 0; j < width; ++j) to[j] += Arithmetic<T>(in[j]);
    }
    in += width;
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_EMBEDDING(T)                                                                                        \
  template void embedding_forward<T>(std::int64_t, std::int64_t, std::span<const std::int32_t>, std::span<const T>, \
                                     std::span<T>);                                                                 \
  template void embedding_weight_gradient<T>(std::int64_t, std::int64_t, std::span<const std::int32_t>,             \
                                             std::span<const T>, std::span<Arithmetic<T>>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_EMBEDDING)

}  // namespace forerun

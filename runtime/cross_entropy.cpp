#include "runtime/cross_entropy.hpp"

#include <cassert>
#include <cmath>
#include <vector>

#include "runtime/exponential.hpp"
#include "runtime/instantiate.hpp"
#include "runtime/largest.hpp"

namespace forerun {

template <class T>
void cross_entropy_forward(std::int64_t first, std::span<const T> logits, std::span<const std::int32_t> targets,
                           const AcrossVocabulary<Arithmetic<T>>& across, std::span<Arithmetic<T>> exponentials,
                           std::span<Arithmetic<T>> inverse_sums, std::span<Arithmetic<T>> losses) {
  using A = Arithmetic<T>;
  const std::size_t rows = targets.size();
  if (rows == 0) return;
  const std::size_t columns = logits.size() / rows;
  assert(exponentials.size() == logits.size() && inverse_sums.size() == rows && losses.size() == rows);

  std::vector<A> largest(rows), sums(2 * rows);  // sums: of exponentials; then logits of targets, less the largest
  for (std::size_t i = 0; i < rows; ++i)
    largest[i] = largest_of<A>(logits.data() + i * columns, static_cast<std::int64_t>(columns));
  if (across.largest) across.largest(largest);
  for (std::size_t i = 0; i < rows; ++i) {
    const T* row = logits.data() + i * columns;
    A* e = exponentials.data() + i * columns;
    A sum = 0;
    const A most = largest[i];
#pragma omp simd reduction(+ : sum)
    for (std::size_t j = 0; j < columns; ++j) {
      e[j] = exponential(A(row[j]) - most);
      sum += e[j];
    }
    const std::int64_t target = targets[i] - first;
    sums[i] = sum;
    sums[rows + i] = target >= 0 && target < static_cast<std::int64_t>(columns) ? A(row[target]) - most : A(0);
  }
  if (across.sum) across.sum(sums);
  for (std::size_t i = 0; i < rows; ++i) {
    inverse_sums[i] = 1 / sums[i];
    losses[i] = std::log(sums[i]) - sums[rows + i];
  }
}

template <class T>
void cross_entropy_backward(std::int64_t first, Arithmetic<T> scale, std::span<const Arithmetic<T>> exponentials,
                            std::span<const Arithmetic<T>> inverse_sums, std::span<const std::int32_t> targets,
                            std::span<T> dlogits) {
  using A = Arithmetic<T>;
  const std::size_t rows = targets.size();
  if (rows == 0) return;
  const std::size_t columns = dlogits.size() / rows;
  assert(exponentials.size() == dlogits.size() && inverse_sums.size() == rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const A factor = scale * inverse_sums[i];
    const A* e = exponentials.data() + i * columns;
    T* out = dlogits.data() + i * columns;
    for (std::size_t j = 0; j < columns; ++j) out[j] = T(factor * e[j]);
    const std::int64_t target = targets[i] - first;
    if (target >= 0 && target < static_cast<std::int64_t>(columns)) out[target] = T(factor * e[target] - scale);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_CROSS_ENTROPY(T)                                                                           \
  template void cross_entropy_forward<T>(std::int64_t, std::span<const T>, std::span<const std::int32_t>,  \
                                         const AcrossVocabulary<Arithmetic<T>>&, std::span<Arithmetic<T>>, \
                                         std::span<Arithmetic<T>>, std::span<Arithmetic<T>>);              \
  template void cross_entropy_backward<T>(std::int64_t, Arithmetic<T>, std::span<const Arithmetic<T>>,     \
                                          std::span<const Arithmetic<T>>, std::span<const std::int32_t>,   \
                                          std::span<T>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_CROSS_ENTROPY)

}  // namespace forerun

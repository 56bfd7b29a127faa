// A table of rows looked up by token, or the slice of it that one rank holds: rows [first, first + table rows) of the
// vocabulary.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/number.hpp"

namespace forerun {

// y[i] = table[token[i] - first], 0 where that row is another rank's: the ranks' results add up to the whole. `width`
// elements a row.
template <class T>
void embedding_forward(std::int64_t width, std::int64_t first, std::span<const std::int32_t> tokens,
                       std::span<const T> table, std::span<T> y);

// dtable[token[i] - first] += dy[i], in order.
template <class T>
void embedding_weight_gradient(std::int64_t width, std::int64_t first, std::span<const std::int32_t> tokens,
                               std::span<const T> dy, std::span<Arithmetic<T>> dtable);

}  // namespace forerun

// Sums, copies between formats, and rows moved about.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/number.hpp"

namespace forerun {

// sum = a + b, where sum may be a or b. The residual's forward part; its backward hands one gradient to both, and adds
// two where they meet.
template <class T>
void add(std::span<const T> a, std::span<const T> b, std::span<T> sum);

// sum += x: a weight gradient that was written on its own, or a partial result, into what is held in Arithmetic<T>.
template <class T>
void accumulate(std::span<const T> x, std::span<Arithmetic<T>> sum);

// From the format of sums.
template <class T>
void narrow(std::span<const Arithmetic<T>> x, std::span<T> y);

// Rows of `width` elements: y[i] = x[index[i]], and its backward, dx[index[i]] += dy[i] for i in order.
template <class T>
void gather_rows(std::int64_t width, std::span<const T> x, std::span<const std::int32_t> index, std::span<T> y);
template <class T>
void add_rows(std::int64_t width, std::span<const T> dy, std::span<const std::int32_t> index, std::span<T> dx);

}  // namespace forerun

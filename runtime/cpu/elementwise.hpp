// Sums, copies between formats, and rows moved about.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/number.hpp"

namespace forerun {

// sum = a + b, where sum may be a or b. The residual's forward part; its backward hands one gradient to both, and adds
// two where they meet.
template <class T>
void add(std::span<const T> a, std::span<const T> b, std::span<T> sum);

// From the format of sums.
template <class T>
void narrow(std::span<const Arithmetic<T>> x, std::span<T> y);

// Rows of `width` elements: y[i] = x[index[i]].
template <class T>
void gather_rows(std::int64_t width, std::span<const T> x, std::span<const std::int32_t> index, std::span<T> y);

}  // namespace forerun

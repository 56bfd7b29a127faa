// The three parts of a linear layer Y[rows,out] = X[rows,in] W[in,out] (+ b[out]). Tensors are contiguous.
//
// Cut by columns (out) or by rows (in) over ranks, a part's result is a slice, or a partial sum that the ranks add up.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/number.hpp"

namespace forerun {

struct LinearShape {
  std::int64_t rows = 0, in = 0, out = 0;
};

template <class T>
void linear_forward(LinearShape, std::span<const T> x, std::span<const T> w, std::span<T> y);

// dX[rows,in] = dY W^T.
template <class T>
void linear_input_gradient(LinearShape, std::span<const T> dy, std::span<const T> w, std::span<T> dx);

// dW[in,out] += X^T dY.
template <class T>
void linear_weight_gradient(LinearShape, std::span<const T> x, std::span<const T> dy, std::span<Arithmetic<T>> dw);

// Y[rows,out] += b[out] in every row; db[out] += sum of the rows of dY.
template <class T>
void add_bias(std::span<const T> b, std::span<T> y);
template <class T>
void bias_gradient(std::span<const T> dy, std::span<Arithmetic<T>> db);

}  // namespace forerun

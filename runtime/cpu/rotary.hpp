// Rotary positions (Su et al. 2021): elements i and i + head_dim / 2 of a head are turned by position * theta^(-2 i /
// head_dim), as in GPT-NeoX and Hugging Face's Llama.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/matrix_product.hpp"

namespace forerun {

struct RotaryShape {
  std::int64_t rows = 0;  // sequences one after the other; row i is at the table's position i modulo its positions
  int heads = 0, head_dim = 0;
};

// Cosines, then sines of each position: positions x head_dim numbers. Angles are found in double.
template <class A>
void fill_rotary_table(double theta, int head_dim, std::span<const std::int32_t> positions, std::span<A> table);

// The first heads x head_dim elements of each row; y may be x. Backward turns a gradient back.
template <class T>
void rotary_forward(RotaryShape, std::span<const Arithmetic<T>> table, Matrix<const T> x, Matrix<T> y);
template <class T>
void rotary_backward(RotaryShape, std::span<const Arithmetic<T>> table, Matrix<const T> dy, Matrix<T> dx);

}  // namespace forerun

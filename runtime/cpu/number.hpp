// The number types that operators are written for: fp64 and fp32, and bf16 storage with fp32 arithmetic.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "base/dtype.hpp"

namespace forerun {

// The upper half of an fp32, rounded to nearest even; a number that is none stays none.
class BFloat16 {
 public:
  BFloat16() = default;
  constexpr BFloat16(float value) {  // NOLINT(google-explicit-constructor): a number type
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    bits_ = static_cast<std::uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded);
  }
  constexpr operator float() const {  // NOLINT(google-explicit-constructor): a number type
    return std::bit_cast<float>(std::uint32_t{bits_} << 16);
  }

 private:
  std::uint16_t bits_;
};
static_assert(sizeof(BFloat16) == 2 && std::is_trivially_copyable_v<BFloat16>);

// What sums, statistics, weight gradients and optimiser states of tensors in T are held in.
template <class T>
using Arithmetic = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
inline constexpr DType number_format = std::is_same_v<T, double>  ? DType::fp64
                                       : std::is_same_v<T, float> ? DType::fp32
                                                                  : DType::bf16;

}  // namespace forerun

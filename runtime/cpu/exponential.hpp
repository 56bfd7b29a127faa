// What softmaxes are made of, as straight arithmetic: compilers vectorise loops over it, which the C library's
// functions stop.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numbers>
#include <type_traits>

namespace forerun {

template <class A>
constexpr A inverse_factorial(int n) {
  double product = 1;
  for (int i = 2; i <= n; ++i) product *= i;
  return static_cast<A>(1 / product);
}

// Within 3 units in the last place of e^x where that is a normal number; 0 below (-infinity included), capped near the
// largest above. x is a number. Cody and Waite (1980), chapter 6: x = n ln 2 + r, |r| <= ln 2 / 2, and a Taylor series
// of e^r whose next term is below half a unit: r^8 / 8! = 5e-9, r^14 / 14! = 4e-18.
template <class A>
inline A exponential(A x) {
  constexpr bool wide = std::is_same_v<A, double>;
  using Bits = std::conditional_t<wide, std::int64_t, std::int32_t>;
  constexpr A lowest = wide ? A(-708) : A(-87), highest = wide ? A(709) : A(88);
  constexpr A shift = wide ? A(0x1.8p52) : A(0x1.8p23f);  // adding it rounds to a whole number, found in its last bits
  // NOLINTBEGIN(modernize-use-std-numbers): ln 2 in two parts, of which n times the first is exact
  constexpr A ln2_high = wide ? A(6.93145751953125e-1) : A(0.693359375),
              ln2_low = wide ? A(1.42860682030941723212e-6) : A(-2.12194440e-4);
  // NOLINTEND(modernize-use-std-numbers)
  constexpr int mantissa = wide ? 52 : 23, bias = wide ? 1023 : 127;

  const A bounded = std::min(std::max(x, lowest), highest);
  const A shifted = bounded * std::numbers::log2e_v<A> + shift, n = shifted - shift;
  const A r = (bounded - n * ln2_high) - n * ln2_low;
  constexpr int terms = wide ? 13 : 7;
  A sum = inverse_factorial<A>(terms);
#pragma GCC unroll 13
  for (int i = terms - 1; i >= 0; --i) sum = sum * r + inverse_factorial<A>(i);
  const Bits exponent = std::bit_cast<Bits>(shifted) - std::bit_cast<Bits>(shift) + bias;
  const A power = std::bit_cast<A>(exponent << mantissa);
  return x < lowest ? A(0) : sum * power;
}

}  // namespace forerun

// How many random cases a property draws, and numbers for them.
#pragma once

#include <rapidcheck.h>

namespace forerun::test {

// RapidCheck calls a property 100 times; one that is to hold in 3,000 cases draws so many in each call.
inline constexpr int per_case = 30;

// From the whole range, from the first call on.
template <class T>
T any(T from, T below) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(from, below));
}

inline bool either() { return any(0, 2) == 0; }

}  // namespace forerun::test

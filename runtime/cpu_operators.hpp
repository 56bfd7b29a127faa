// The table of operators on the CPU.
#pragma once

#include <memory>

#include "runtime/operators.hpp"

namespace forerun {

// Of double, float and BFloat16.
template <class T>
std::unique_ptr<Operators<T>> make_cpu_operators();

}  // namespace forerun

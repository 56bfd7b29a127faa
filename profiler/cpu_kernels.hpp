// For the CPU sampler only: what an operation of runtime/ reads and writes, and the call itself.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "profiler/sampler.hpp"
#include "runtime/number.hpp"

namespace forerun {

// Tensors of one run.
template <class T>
struct Operands {
  std::vector<std::span<const T>> warm, cold;   // read: made by the kernel before, or long ago
  std::vector<std::span<T>> out;
  std::vector<std::span<Arithmetic<T>>> sums;   // read and written, or written
};

// Elements of each, and what to do with them.
template <class T>
struct Recipe {
  std::vector<std::int64_t> warm, cold, out, sums;
  std::function<void(const Operands<T>&)> run;
};

// Asserts that the operation is one of the sweep's.
template <class T>
Recipe<T> recipe(const KernelCase&);

}  // namespace forerun

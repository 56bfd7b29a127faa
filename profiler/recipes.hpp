// What each operation of a sweep reads and writes, and its call: the same for every backend, through the table of
// operators that the executor uses.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "profiler/sampler.hpp"
#include "runtime/backend.hpp"

namespace forerun {

// Tensors of one run, in the backend's memory.
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
  std::function<void(Operators<T>&, const Operands<T>&)> run;
};

// Small tables that an operation needs beside its tensors are put into the backend's memory here, once; the recipe
// keeps them, and must not outlive the backend. Asserts that the operation is one of the sweep's.
template <class T>
Recipe<T> recipe(Backend&, const KernelCase&);

}  // namespace forerun

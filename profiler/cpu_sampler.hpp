// The kernels of runtime/ on the cores of this machine.
//
// A run is timed by its thread's own clock, which stands still while another program has the core: what a rank takes on
// a machine of its own. What a run reads of the kernel before it (activations, gradients) is read once just before, as
// that kernel would leave it in the caches; weights, tables and what is written come from memory that no run has
// touched lately, in a ring of `pool` bytes a rank.
#pragma once

#include <memory>

#include "profiler/sampler.hpp"

namespace forerun {

// Twice the last cache is more than any run can find in it; a rank's part is kept within reason.
Bytes cpu_pool(Bytes last_cache);

std::unique_ptr<Sampler> make_cpu_sampler(int ranks, Bytes pool, std::uint64_t seed);

}  // namespace forerun

// Threads that do one piece of work together: a block on a GPU, threads of the host in tests.
//
// A kernel is a body, a copyable struct with `template <class Team> void operator()(Team&, std::int64_t item) const`:
// what one team does for one item (a row, a tile). All threads of a team run it. Bodies are plain C++ over `Team`, so
// that the tests run the very code of the GPU on the host, under sanitizers.
//
// A Team has: rank(), size(): this thread among its team's; sync(): all reach it before any goes on, and see what was
// written before; sum(x), largest(x): over all threads, called by all, the same bits on each (they synchronise);
// shared<U>(first_byte): the team's own memory, of as many bytes as the launch says.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#define FORERUN_ANYWHERE __host__ __device__
#else
#define FORERUN_ANYWHERE
#endif

namespace forerun::cuda {

#if defined(__CUDACC__)

// A block of whole warps, at most 32 of them.
class BlockTeam {
 public:
  __device__ explicit BlockTeam(std::byte* memory) : memory_(memory) {}

  __device__ int rank() const { return static_cast<int>(threadIdx.x); }
  __device__ int size() const { return static_cast<int>(blockDim.x); }
  __device__ void sync() const { __syncthreads(); }
  template <class A>
  __device__ A sum(A x) const {
    return reduce(x, [](A a, A b) { return a + b; });
  }
  template <class A>
  __device__ A largest(A x) const {
    return reduce(x, [](A a, A b) { return a > b ? a : b; });
  }
  template <class U>
  __device__ U* shared(std::int64_t first_byte = 0) const {
    return reinterpret_cast<U*>(memory_ + first_byte);
  }

 private:
  // Within each warp, then over the warps, both in a fixed order.
  template <class A, class Combine>
  __device__ A reduce(A x, Combine combine) const {
    __shared__ double of_warps[32];  // as wide as the widest A
    A* const parts = reinterpret_cast<A*>(of_warps);
    for (int step = 16; step > 0; step /= 2) x = combine(x, __shfl_xor_sync(0xffffffff, x, step));
    if (rank() % 32 == 0) parts[rank() / 32] = x;
    sync();
    A all = parts[0];
    for (int warp = 1; warp < size() / 32; ++warp) all = combine(all, parts[warp]);
    sync();  // before the next reduction writes
    return all;
  }

  std::byte* memory_;
};

// A team for each item: <<<items, threads, bytes of shared memory, stream>>>.
template <class Body>
__global__ void for_each_team(Body body) {
  extern __shared__ __align__(128) std::byte forerun_shared[];  // tensor cores load from multiples of 32 bytes
  BlockTeam team(forerun_shared);
  body(team, static_cast<std::int64_t>(blockIdx.x));
}

#endif

}  // namespace forerun::cuda

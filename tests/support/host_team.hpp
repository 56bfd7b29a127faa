// A team of the host's threads, for bodies of GPU kernels (runtime/cuda/kernels/team.hpp).
#pragma once

#include <barrier>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "runtime/cuda/kernels/team.hpp"

namespace forerun::test {

class HostTeam {
 public:
  struct Common {
    Common(int threads, std::int64_t bytes)
        : meet(threads),
          memory(static_cast<std::size_t>(bytes) / sizeof(std::max_align_t) + 1),
          parts(static_cast<std::size_t>(threads)) {}
    std::barrier<> meet;
    std::vector<std::max_align_t> memory;
    std::vector<double> parts;  // fp32 fits
  };
  HostTeam(Common& common, int rank) : common_(common), rank_(rank) {}

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return static_cast<int>(common_.parts.size()); }
  void sync() const { common_.meet.arrive_and_wait(); }
  template <class A>
  [[nodiscard]] A sum(A x) const {
    return reduce(x, [](A a, A b) { return a + b; });
  }
  template <class A>
  [[nodiscard]] A largest(A x) const {
    return reduce(x, [](A a, A b) { return a > b ? a : b; });
  }
  template <class U>
  [[nodiscard]] U* shared(std::int64_t first_byte = 0) const {
    return reinterpret_cast<U*>(reinterpret_cast<std::byte*>(common_.memory.data()) + first_byte);
  }

 private:
  template <class A, class Combine>
  A reduce(A x, Combine combine) const {
    common_.parts[static_cast<std::size_t>(rank_)] = static_cast<double>(x);
    sync();
    A all = static_cast<A>(common_.parts[0]);
    for (std::size_t i = 1; i < common_.parts.size(); ++i) all = combine(all, static_cast<A>(common_.parts[i]));
    sync();
    return all;
  }

  Common& common_;
  int rank_;
};

// What `for_each_team<<<items, threads, shared_bytes>>>(body)` does, an item after the other.
template <class Body>
void for_each_team_on_host(std::int64_t items, int threads, std::int64_t shared_bytes, const Body& body) {
  for (std::int64_t item = 0; item < items; ++item) {
    HostTeam::Common common(threads, shared_bytes);
    std::vector<std::jthread> all;
    for (int rank = 0; rank < threads; ++rank) {
      all.emplace_back([&, rank] {
        HostTeam team(common, rank);
        body(team, item);
      });
    }
  }
}

}  // namespace forerun::test

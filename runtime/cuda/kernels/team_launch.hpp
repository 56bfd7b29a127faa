// How the items of bodies are shared out to teams of threads that a Machine runs: a GPU's lane, or the tests' threads.
//
// A Machine has: team(elements, most): of how many threads, at most so many, a team is that has so many elements to
// share; launch(items, threads, body); scratch(bytes): memory until the next call; lists(host lists...): [i] is where
// the kernels that are launched before it goes find the i-th; losses(): a double of the machine's memory;
// take_losses(): what it is, and 0 from then on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "runtime/cuda/kernels/each_element.hpp"

namespace forerun::cuda {

template <class U>
std::int64_t rows_of(std::span<U> x, std::int64_t width) {
  return std::ssize(x) / width;
}

template <class Machine>
class TeamLaunch {
 public:
  explicit TeamLaunch(Machine machine) : machine_(std::move(machine)) {}

  [[nodiscard]] Machine& machine() { return machine_; }

  template <class U>
  [[nodiscard]] U* scratch_of(std::int64_t elements) {
    return reinterpret_cast<U*>(machine_.scratch(elements * static_cast<std::int64_t>(sizeof(U))));
  }

  // A team an item, which has so many elements to share.
  template <class Body>
  void per_item(std::int64_t items, std::int64_t elements, int most_threads, const Body& body) {
    machine_.launch(items, machine_.team(elements, most_threads), body);
  }
  template <class Body>
  void per_tile(std::int64_t elements, const Body& body) {
    per_item(tiles(elements), tile_elements, 256, body);
  }
  template <class To, class F>
  void write(std::span<To> to, F f) {
    per_tile(std::ssize(to), WriteEach<To, F>{std::ssize(to), f, to.data()});
  }
  template <class Body>
  void per_row(std::int64_t rows, std::int64_t width, const Body& body) {
    per_item(rows, width, 256, body);
  }
  // A thread a column.
  template <class Body>
  void by_columns(std::int64_t width, const Body& body) {
    const int threads = machine_.team(width, 128);
    machine_.launch(body.items(threads), threads, body);
  }

 private:
  Machine machine_;
};

}  // namespace forerun::cuda

// How many events a second does the event core handle, and how long does it take to set up and replay a training step of many ranks?
#include <benchmark/benchmark.h>

#include <cstdint>

#include "sim/event_queue.hpp"
#include "sim/noise.hpp"

namespace forerun {
namespace {

// The hold model: so many events are pending; the first is taken and one is scheduled a random while after it.
void event_queue_hold(benchmark::State& state) {
  const auto pending = static_cast<std::uint32_t>(state.range(0));
  Random random(1);
  const auto later = [&] { return random.next() >> 24; };  // up to 2^40 ps, about a second: hardly ever the same twice
  EventQueue queue;
  for (std::uint32_t i = 0; i < pending; ++i) queue.push(later(), TaskId{i});
  const auto hold = [&] {
    const Event event = queue.top();
    queue.pop();
    queue.push(event.at + later(), event.task);
  };
  for (std::uint32_t i = 0; i < pending; ++i) hold();
  for (auto _ : state) hold();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_queue_hold)->Arg(65536)->Arg(1048576);

}  // namespace
}  // namespace forerun

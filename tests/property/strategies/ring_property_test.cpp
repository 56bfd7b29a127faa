// Does a ring, replayed step by step, take what the cost model says of it?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "costmodel/collective_model.hpp"
#include "sim/replay.hpp"
#include "tests/support/cases.hpp"
#include "tests/support/ring_graph.hpp"

namespace forerun {
namespace {

using test::any;

// I-13: k devices of one node. Each of the k - 1 steps of a pass sends a k-th of the message, all links at once; an
// all-reduce is two passes.
RC_GTEST_PROP(RingStepByStep, TakesWhatTheCostModelSays, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const int k = any(2, 17);
    const Seconds hop{1e-6 * any(0, 50)}, wire{1e-7 * any(0, 50)};
    const Bytes message{1e9 * any(2, 32)};  // rounding a step to a picosecond is below 1e-9 of it
    const BytesPerSecond port{1e9 * any(1, 100)};
    FamilyParameters parameters;
    parameters.collective.intra_hop = hop;
    const Topology node{.devices = k,
                        .levels = {{.size = k, .per_device = port, .per_component = port, .latency = wire}}};
    const auto collectives = make_collectives(parameters);
    const auto said = [&](CollectiveKind kind) {
      return collectives->time({kind, message}, place(node, {{k, 1}})).median;
    };
    const auto replayed = [&](int passes) {
      const auto size = static_cast<std::uint32_t>(k), steps = static_cast<std::uint32_t>(passes * (k - 1));
      return to_seconds(replay(test::ring(size, steps, hop + wire + message / k / port, port)).makespan);
    };
    const auto near = [](Seconds a, Seconds b) { return std::abs(a / b - 1) < 1e-9; };
    RC_ASSERT(near(said(CollectiveKind::reduce_scatter), replayed(1)));
    RC_ASSERT(near(said(CollectiveKind::all_gather), replayed(1)));
    RC_ASSERT(near(said(CollectiveKind::reduce_scatter) + said(CollectiveKind::all_gather), replayed(2)));
    RC_ASSERT(said(CollectiveKind::all_reduce) <= (1 + 1e-9) * replayed(2));  // a tree only where it is faster
  }
}

}  // namespace
}  // namespace forerun

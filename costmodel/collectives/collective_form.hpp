// The calibrated time of a collective inside one node: one smooth curve with a physical meaning in each parameter, for
// any number of ranks.
//
//   ring    t = start + step s + w / (rate P) + 2 sqrt(fill w / (rate P)) + (S / n) / (copy P)
//   switch  t = switch_start + x / (switch_rate P) + 2 sqrt(switch_fill x / (switch_rate P)),  x = (n + 1) / n S
//   small   t = small_start + step s + (S / n) / (small_rate P)
//
// The time is the least of those that the collective has, and never less than `floor`, what the host that measured
// needed to launch it. `switch` is an all-reduce of five ranks and more, `small` flagged stores of messages between
// pairs (all-to-all).
//
//   P  datasheet rate of a rank's port
//   s  steps: 2 (n-1) of an all-reduce, 1 of a message, else n-1
//   w  bytes that a rank sends: 2 (n-1)/n S of an all-reduce, S of a message, else (n-1)/n S
//
// The root is the pipeline of chunks that fills and drains: (sqrt(a k) + sqrt(S b))^2. Nothing overlaps the copy of the
// rank's own part.
// Median errors 2 to 5 % where an alpha-beta line has 10 to 20 (docs/cost-models.md). Wrong by 20 to 30 % just above
// the size at which NCCL changes to a protocol that is slower there (2 MiB, two ranks): NCCL's choice is not the best
// one, ours is.
#pragma once

#include <span>

#include "base/quantity.hpp"
#include "costmodel/collectives/collective.hpp"
#include "costmodel/fitting/form_field.hpp"

namespace forerun {

// Times in seconds, rates as shares of the port's.
struct CollectiveForm {
  double start = 0, step = 0, rate = 1, fill = 0, copy = 1;
  double switch_start = 0, switch_rate = 0, switch_fill = 0;  // rate 0: no reduction in the switch
  double small_start = 0, small_rate = 0;  // rate 0: no such protocol
  double floor = 0;

  bool operator==(const CollectiveForm&) const = default;
};

template <>
std::span<const FormField<CollectiveForm>> fields_of<CollectiveForm>();

inline constexpr int fewest_for_switch = 5;  // below, a ring is as fast (NCCL issue 1455)

// A group of one takes no time.
Seconds time(const CollectiveForm&, CollectiveKind, int ranks, Bytes, BytesPerSecond port);

}  // namespace forerun

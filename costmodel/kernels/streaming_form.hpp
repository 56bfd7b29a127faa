// The time of a kernel that memory limits (norms, element-wise work, optimiser).
//
//   t   = launch + (bytes - hit (1 - 1 / cached)) / (memory x bandwidth)
//   hit = bytes x (1 below the L2's size, falling to 0 at twice that)
//
// Backward passes do so at `backward` times the rate.
//
// One share a kind: each counts as bytes what its author counts, and keeps a different part of it in the caches
// (docs/cost-models.md: 0.15 to 1.08 over the kinds). Tensors that fit the L2 cache were written just before, in
// benchmarks as in models. Wrong where they were not.
#pragma once

#include "costmodel/fitting/form_field.hpp"
#include "hardware/device.hpp"
#include "workloads/operators/kernels.hpp"

namespace forerun {

struct StreamingForm {
  // Share of the device's bandwidth from memory; above 1 where a cache beyond the L2 serves, or where stores read no
  // line first.
  double memory = 1;
  double cached = 1;  // how many times as fast tensors in the L2 cache are
  double launch = 0;  // seconds
  double backward = 1;  // rate of backward over forward, a byte each

  bool operator==(const StreamingForm&) const = default;
};

template <>
std::span<const FormField<StreamingForm>> fields_of<StreamingForm>();

Seconds time(const StreamingForm&, const Device&, const Streaming&);

}  // namespace forerun

// Bytes that one rank hands to collectives in a step, by dimension and operation: an integer of API bytes (as
// nccl-tests counts them) and an integer of wire bytes (what the rank sends).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/quantity.hpp"
#include "base/vocabulary.hpp"

namespace forerun {

enum class CollectiveKind : std::uint8_t;

enum class Flow : std::uint8_t {
  dp_all_reduce,
  dp_reduce_scatter,
  dp_all_gather,
  tp_all_reduce,
  tp_all_gather,
  tp_reduce_scatter,
  cp_all_gather,
  cp_reduce_scatter,
  cp_send,
  cp_all_to_all,
  ep_all_to_all,
  ep_all_gather,
  ep_reduce_scatter,
  pp_send_forward,
  pp_send_backward,
  pp_all_reduce,
};
inline constexpr std::size_t flow_count = 16;

Dimension dimension_of(Flow);
CollectiveKind kind_of(Flow);
std::string_view name_of(Flow);  // within its dimension: "all_reduce", "send_forward"

struct Volume {
  Bytes api, wire;
};

class Traffic {
 public:
  Volume& operator[](Flow flow) { return volumes_[static_cast<std::size_t>(flow)]; }
  const Volume& operator[](Flow flow) const { return volumes_[static_cast<std::size_t>(flow)]; }
  // `times` calls with `elements` of `element` bytes in a group of k.
  void add(Flow, std::int64_t elements, Bytes element, int k, double times = 1);
  void add(const Traffic&, double times);

 private:
  std::array<Volume, flow_count> volumes_{};
};

}  // namespace forerun

#include "strategies/programs/traffic.hpp"

#include "costmodel/collectives/collective.hpp"

namespace forerun {
namespace {

struct Description {
  Dimension dimension;
  CollectiveKind kind;
  std::string_view name;
};

constexpr std::array<Description, flow_count> descriptions{{
    {Dimension::dp, CollectiveKind::all_reduce, "all_reduce"},
    {Dimension::dp, CollectiveKind::reduce_scatter, "reduce_scatter"},
    {Dimension::dp, CollectiveKind::all_gather, "all_gather"},
    {Dimension::tp, CollectiveKind::all_reduce, "all_reduce"},
    {Dimension::tp, CollectiveKind::all_gather, "all_gather"},
    {Dimension::tp, CollectiveKind::reduce_scatter, "reduce_scatter"},
    {Dimension::cp, CollectiveKind::all_gather, "all_gather"},
    {Dimension::cp, CollectiveKind::reduce_scatter, "reduce_scatter"},
    {Dimension::cp, CollectiveKind::send, "send"},
    {Dimension::cp, CollectiveKind::all_to_all, "all_to_all"},
    {Dimension::ep, CollectiveKind::all_to_all, "all_to_all"},
    {Dimension::ep, CollectiveKind::all_gather, "all_gather"},
    {Dimension::ep, CollectiveKind::reduce_scatter, "reduce_scatter"},
    {Dimension::pp, CollectiveKind::send, "send_forward"},
    {Dimension::pp, CollectiveKind::send, "send_backward"},
    {Dimension::pp, CollectiveKind::all_reduce, "all_reduce"},
}};

}  // namespace

Dimension dimension_of(Flow flow) { return descriptions[static_cast<std::size_t>(flow)].dimension; }
CollectiveKind kind_of(Flow flow) { return descriptions[static_cast<std::size_t>(flow)].kind; }
std::string_view name_of(Flow flow) { return descriptions[static_cast<std::size_t>(flow)].name; }

void Traffic::add(Flow flow, std::int64_t elements, Bytes element, int k, double times) {
  if (k <= 1) return;
  (*this)[flow].api += times * (static_cast<double>(elements) * element);
  (*this)[flow].wire += times * wire_bytes(kind_of(flow), elements, element, k);
}

void Traffic::add(const Traffic& other, double times) {
  for (std::size_t i = 0; i < flow_count; ++i) {
    volumes_[i].api += times * other.volumes_[i].api;
    volumes_[i].wire += times * other.volumes_[i].wire;
  }
}

}  // namespace forerun

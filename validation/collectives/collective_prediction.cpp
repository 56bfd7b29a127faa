#include "validation/collectives/collective_prediction.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "costmodel/collective_model.hpp"

namespace forerun {
namespace {

const NodeCalibration* fit_of(const CollectiveCalibration& c, CollectiveKind kind, const std::string& library) {
  const NodeCalibration* own = find_fit(c, kind, library);
  if (own != nullptr || c.generation != NcclGeneration::host) return own != nullptr ? own : find_fit(c, kind, "nccl");
  const auto of_kind = std::find_if(c.node.begin(), c.node.end(),
                                    [&](const NodeCalibration& n) { return n.kind == kind && is_for_steps(c, n); });
  return of_kind == c.node.end() ? nullptr : &*of_kind;
}

Timing in_node(const CollectiveRow& row, const CollectivePlace& place, const CollectiveCalibration& c) {
  const NodeCalibration* fit = place.group.nvlink ? fit_of(c, row.kind, place.library) : nullptr;
  if (fit == nullptr) {
    constexpr double spread = 0.2;  // as steps have it
    return {nccl_time(row.kind, row.bytes, place.group, practice(place.group)), spread, Evidence::datasheet};
  }
  CollectiveForm form = fit->fit.form;
  if (!place.group.reduces_in_switch) form.switch_rate = 0;
  const Seconds median = time(form, row.kind, row.ranks, row.bytes, place.group.port);
  return {median, fit->fit.spread.at(median), Evidence::fitted};
}

// Of one cluster the fit of this very group, else of the same kind, else of any.
const NetworkCalibration* network_of(const CollectiveRow& row, const CollectivePlace& place,
                                     const CollectiveCalibration& c) {
  const NetworkCalibration* best = nullptr;
  int best_rank = 0;
  for (const NetworkCalibration& n : c.networks) {
    if (n.link != network_key(row, place)) continue;
    const int rank = n.kind != row.kind ? 1 : n.ranks != row.ranks || n.nodes != row.nodes ? 2 : 3;
    if (rank > best_rank) best = &n, best_rank = rank;
  }
  return best;
}

Timing over_network(const CollectiveRow& row, const CollectivePlace& place, const CollectiveCalibration& c) {
  const NetworkCalibration* fit = network_of(row, place, c);
  if (fit == nullptr)
    return {nccl_time(row.kind, row.bytes, place.group, practice(place.group)), place.network.spread,
            Evidence::datasheet};
  NcclGroup group = place.group;
  group.network = group.network / place.network.share;  // the fit has a share of its own
  const Seconds median = time(fit->fit.form, row.kind, row.bytes, group, practice(group));
  return {median, fit->fit.spread.at(median), Evidence::fitted};
}

// "vllm_graph" and "sglang_graph" are launched alike, and nearer to each other than to "TRTLLM".
const CustomCalibration* custom_of(const CollectiveCalibration& c, const std::string& library) {
  const CustomCalibration* alike = nullptr;
  const auto mode = [](const std::string& name) { return name.ends_with("_eager"); };
  for (const CustomCalibration& one : c.custom) {
    if (one.library == library) return &one;
    if (alike == nullptr && mode(one.library) == mode(library)) alike = &one;
  }
  return alike;
}

Timing custom(const CollectiveRow& row, const CollectivePlace& place, const CollectiveCalibration& c) {
  const Timing nccl = in_node(row, place, c);
  const CustomCalibration* fit = custom_of(c, place.library);
  if (fit == nullptr) return nccl;
  const Seconds median = time(fit->fit.form, row.ranks, row.bytes, place.group.port, nccl.median);
  return {median, fit->fit.spread.at(median), Evidence::fitted};
}

bool is_host(const FamilyParameters& family) { return family.nccl && family.nccl->generation == NcclGeneration::host; }

Timing ring(const CollectiveRow& row, const CollectivePlace& place, const FamilyParameters& family) {
  const Node& node = node_of(place.cluster);
  const int per_node = row.ranks / row.nodes;
  Topology topology{.devices = row.ranks,
                    .levels = {{.size = per_node,
                                .per_device = node.fabric.link.bandwidth,
                                .per_component = node.fabric.link.bandwidth,
                                .latency = node.fabric.link.latency}}};
  if (row.nodes > 1) {
    topology.levels.push_back({.size = row.ranks,
                               .per_device = place.group.network / per_node,
                               .per_component = place.group.network,
                               .latency = Seconds{5e-6} + place.group.network_latency});
  }
  return make_ring_collectives(family.collective, family.evidence)
      ->time({row.kind, row.bytes}, forerun::place(topology, {{row.ranks, 1}}));
}

}  // namespace

std::string network_key(const CollectiveRow& row, const CollectivePlace& place) {
  return place.link == row.inter_link ? place.link : place.library + " on " + place.link;
}

Timing predict(const CollectiveRow& row, const CollectivePlace& place, const FamilyParameters& family) {
  const bool no_curve = is_host(family) && (row.nodes > 1 || fit_of(*family.nccl, row.kind, place.library) == nullptr);
  if (!family.nccl || no_curve) return ring(row, place, family);
  if (row.custom) return custom(row, place, *family.nccl);
  return row.nodes == 1 ? in_node(row, place, *family.nccl) : over_network(row, place, *family.nccl);
}

Timing predict_unseen(const CollectiveRow& row, const CollectivePlace& place, const FamilyParameters& family) {
  if (!family.nccl || is_host(family) || row.nodes == 1) return predict(row, place, family);
  return {nccl_time(row.kind, row.bytes, place.group, practice(place.group)), place.network.spread,
          Evidence::datasheet};
}

}  // namespace forerun

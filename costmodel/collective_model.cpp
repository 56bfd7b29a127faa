#include "costmodel/collective_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace forerun {
namespace {

constexpr Seconds infiniband{
    5e-6};  // of a crossing in NCCL's tables and in the catalogue (host, NIC, switch, NIC, host)

// The last level that the group has to cross.
std::size_t outermost(const Placement& g) {
  std::size_t level = 0;
  for (std::size_t i = 1; i < g.levels.size(); ++i) {
    if (g.levels[i].members > g.levels[i - 1].members) level = i;
  }
  return level;
}

// What a node's members may send in a collective of that kind, were every level as narrow as the narrowest.
BytesPerSecond network_of(CollectiveKind kind, const Placement& g) {
  BytesPerSecond narrowest = BytesPerSecond::infinity();
  const double per_node = g.levels.front().members, size = g.size;
  for (std::size_t i = 1; i < g.levels.size(); ++i) {
    const double below = g.levels[i - 1].members;
    if (g.levels[i].members == g.levels[i - 1].members) continue;
    BytesPerSecond share = g.levels[i].share;
    // `below` members send (size - below) / size of their bytes across; a node's send (size - per_node) / size.
    if (kind == CollectiveKind::all_to_all) share *= per_node * (size - per_node) / (below * (size - below));
    if (kind == CollectiveKind::send) share *= per_node / below;
    if (kind == CollectiveKind::send && i == outermost(g)) return share;
    narrowest = min(narrowest, share);
  }
  return narrowest;
}

// The measured constants of one cluster's network.
class MeasuredNetwork {
 public:
  MeasuredNetwork() = default;
  MeasuredNetwork(const CollectiveCalibration& calibration, const Cluster& cluster)
      : fits_(networks_of(calibration, cluster)) {
    const Node& node = node_of(cluster);
    rate_ = static_cast<double>(node.nics) * node.nic.bandwidth;
  }

  [[nodiscard]] bool known() const { return !fits_.empty(); }

  [[nodiscard]] Timing time(const Collective& collective, NcclGroup group) const {
    const auto [fit, distance] = nearest(collective.kind, group);
    if (fit->rate > BytesPerSecond{} && rate_ > BytesPerSecond{}) group.network = (fit->rate / rate_) * group.network;
    const Seconds median = forerun::time(fit->fit.form, collective.kind, collective.bytes, group, practice(group));
    constexpr std::array<double, 3> further{0, 0.1, 0.2};  // assumed: other groups, other kinds
    return {median, std::hypot(fit->fit.spread.at(median), further[distance]), Evidence::fitted};
  }

 private:
  // 0: the very group, 1: of the same kind, the nearest in nodes; 2: of another kind.
  [[nodiscard]] std::pair<const NetworkCalibration*, std::size_t> nearest(CollectiveKind kind,
                                                                          const NcclGroup& group) const {
    const auto distance = [&](const NetworkCalibration& n) -> std::size_t {
      return n.kind != kind ? 2 : n.ranks != group.ranks || n.nodes != group.nodes ? 1 : 0;
    };
    const auto key = [&](const NetworkCalibration& n) {
      return std::pair(distance(n), std::abs(std::log(static_cast<double>(n.nodes) / group.nodes)));
    };
    const auto best =
        std::min_element(fits_.begin(), fits_.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    return {&*best, distance(*best)};
  }

  std::vector<NetworkCalibration> fits_;
  BytesPerSecond rate_;  // of a node's ports
};

class NcclCollectives final : public CollectiveModel {
 public:
  // `otherwise` prices what no curve does, where NCCL's model does not apply.
  NcclCollectives(const CollectiveCalibration& calibration, const Cluster* cluster,
                  std::unique_ptr<CollectiveModel> otherwise = nullptr)
      : generation_(calibration.generation), otherwise_(std::move(otherwise)) {
    for (const NodeCalibration& n : calibration.node) {
      if (is_for_steps(calibration, n))
        fits_[static_cast<std::size_t>(n.kind)] = {true, n.fit.form, n.fit.spread, n.port};
    }
    if (cluster != nullptr) network_ = MeasuredNetwork(calibration, *cluster);
  }

  Timing time(const Collective& collective, const Placement& placement) const override {
    if (placement.size <= 1 || placement.levels.empty()) return {Seconds{0}, 0, Evidence::datasheet};
    const NcclGroup group = nccl_group(generation_, collective.kind, placement);
    const Fit& fit = fits_[static_cast<std::size_t>(collective.kind)];
    if (fit.known && group.nodes == 1 && group.nvlink) return fitted(fit, collective, group);
    if (otherwise_ != nullptr) return otherwise_->time(collective, placement);
    if (group.nodes > 1 && network_.known()) return network_.time(collective, group);
    constexpr double inside = 0.2, across = 0.25;  // of clusters that no fit saw
    return {nccl_time(collective.kind, collective.bytes, group, practice(group)), group.nodes == 1 ? inside : across,
            Evidence::datasheet};
  }

 private:
  struct Fit {
    bool known = false;
    CollectiveForm form;
    CollectiveSpread spread;
    BytesPerSecond port;
  };

  // A form without the switch stands for a fabric that cannot reduce.
  Timing fitted(const Fit& fit, const Collective& collective, const NcclGroup& group) const {
    CollectiveForm form = fit.form;
    if (!group.reduces_in_switch) form.switch_rate = 0;
    const Seconds median = forerun::time(form, collective.kind, group.ranks, collective.bytes, group.port);
    constexpr double other_device = 0.1;  // of the same generation
    const double spread = fit.spread.at(median);
    return {median, group.port == fit.port ? spread : std::hypot(spread, other_device), Evidence::fitted};
  }

  NcclGeneration generation_;
  std::unique_ptr<CollectiveModel> otherwise_;
  std::array<Fit, 6> fits_;
  MeasuredNetwork network_;
};

}  // namespace

NcclGroup nccl_group(NcclGeneration generation, CollectiveKind kind, const Placement& placement) {
  const Placement::Reach& inner = placement.levels.front();
  NcclGroup group{.generation = generation,
                  .nvlink = inner.fabric != FabricKind::pcie,
                  .reduces_in_switch = inner.reduces_in_switch,
                  .ranks = placement.size,
                  .nodes = placement.size / inner.members,
                  .port = inner.per_member};
  if (group.nodes > 1) {
    group.network = network_of(kind, placement);
    group.network_latency = max(Seconds{0}, placement.levels[outermost(placement)].latency - infiniband);
  }
  return group;
}

Seconds nccl_time(CollectiveKind kind, Bytes bytes, const NcclGroup& group, const NcclCorrection& c) {
  if (kind == CollectiveKind::all_to_all) return nccl_all_to_all(bytes, group, c);
  if (kind == CollectiveKind::send) return nccl_send(bytes, group, c);
  return nccl_choice(kind, bytes, group, c).time;
}

std::unique_ptr<CollectiveModel> make_collectives(const FamilyParameters& family, const Cluster* cluster) {
  if (!family.nccl) return make_ring_collectives(family.collective, family.evidence);
  const bool host = family.nccl->generation == NcclGeneration::host;
  return std::make_unique<NcclCollectives>(*family.nccl, cluster,
                                           host ? make_ring_collectives(family.collective, family.evidence) : nullptr);
}

}  // namespace forerun

// Hierarchical alpha-beta, ring and tree: for software that is not NCCL.
#include "costmodel/collective_model.hpp"

#include <algorithm>
#include <cmath>

namespace forerun {

RingTerms ring_pass(int members, int components) {
  return {.steps_inside = members - components, .steps_across = components - 1};
}

namespace {

class RingCollectives final : public CollectiveModel {
 public:
  RingCollectives(const CollectiveParameters& parameters, Evidence evidence) : p_(parameters), evidence_(evidence) {}

  Timing time(const Collective& collective, const Placement& group) const override {
    if (group.size <= 1 || group.levels.empty()) return {Seconds{0}, 0, evidence_};
    return {p_.base + work(collective.kind, collective.bytes, group), p_.spread, evidence_};
  }

 private:
  Seconds work(CollectiveKind kind, Bytes bytes, const Placement& g) const {
    switch (kind) {
      case CollectiveKind::all_reduce:
        return min(ring(bytes, g, 2), tree(bytes, g));
      case CollectiveKind::all_gather:
      case CollectiveKind::reduce_scatter:
        return ring(bytes, g, 1);
      case CollectiveKind::all_to_all:
        return all_to_all(bytes, g);
      case CollectiveKind::broadcast:
        return pipeline(bytes, g);
      case CollectiveKind::send:
        return send(bytes, g);
    }
    return Seconds{0};
  }

  // Rings run over all members at once, one through every network port, so a pass moves (n-1)/n of the bytes past the
  // narrowest place: the member's own port inside a component, the group's share of the ports between components.
  Seconds ring(Bytes bytes, const Placement& g, int passes) const {
    const double moved = static_cast<double>(g.size - 1) / g.size;
    return static_cast<double>(passes) * (moved * bytes / rate(g) + latency(g));
  }

  BytesPerSecond rate(const Placement& g) const {
    BytesPerSecond narrowest = BytesPerSecond::infinity();
    int below = 1;
    for (std::size_t i = 0; i < g.levels.size(); ++i) {
      const Placement::Reach& level = g.levels[i];
      if (level.members > below) {
        narrowest = min(narrowest, i == 0 ? p_.intra_bandwidth * level.per_member : p_.inter_bandwidth * level.share);
      }
      below = level.members;
    }
    return narrowest;
  }

  // A step inside the innermost component costs its hop, a step between components the network's hop and wire.
  Seconds latency(const Placement& g) const {
    const int inside = g.levels.front().members;
    const RingTerms steps = ring_pass(g.size, g.size / inside);
    return static_cast<double>(steps.steps_inside) * intra_step(g) +
           static_cast<double>(steps.steps_across) * inter_step(g);
  }

  Seconds intra_step(const Placement& g) const { return p_.intra_hop + g.levels.front().latency; }
  Seconds inter_step(const Placement& g) const { return p_.inter_hop + g.levels[outermost(g)].latency; }

  // The last level that the group has to cross.
  static std::size_t outermost(const Placement& g) {
    std::size_t level = 0;
    for (std::size_t i = 1; i < g.levels.size(); ++i) {
      if (g.levels[i].members > g.levels[i - 1].members) level = i;
    }
    return level;
  }

  // Two pipelined trees: everything goes up and down once, chains inside components, a binary tree between them. Each
  // half of the ports carries one tree, which costs about a tenth of the ring's rate.
  Seconds tree(Bytes bytes, const Placement& g) const {
    constexpr double tree_rate = 0.9;
    const int inside = g.levels.front().members;
    const double depth = std::ceil(std::log2(static_cast<double>(g.size) / inside));
    const Seconds hops = static_cast<double>(inside - 1) * intra_step(g) + depth * inter_step(g);
    return 2.0 * hops + 2.0 * bytes / (tree_rate * rate(g));
  }

  // Each member sends an equal share to every other: those in its component through the fabric, the rest through its
  // share of the network.
  Seconds all_to_all(Bytes bytes, const Placement& g) const {
    Seconds slowest{0};
    int below = 1;
    for (std::size_t i = 0; i < g.levels.size(); ++i) {
      const Placement::Reach& level = g.levels[i];
      if (level.members > below) {
        const Bytes crossing = bytes * (static_cast<double>(g.size - below) / g.size);
        const BytesPerSecond each = i == 0 ? p_.intra_bandwidth * level.per_member
                                           : p_.inter_bandwidth * level.share / static_cast<double>(below);
        slowest = max(slowest, crossing / (p_.all_to_all * each));
      }
      below = level.members;
    }
    return slowest + 0.25 * latency(g);  // sends to different members overlap; a step is posted, not waited for
  }

  Seconds pipeline(Bytes bytes, const Placement& g) const { return latency(g) + bytes / rate(g); }

  // Between two members as far apart as the group has them, while every other group of its shape sends as well.
  Seconds send(Bytes bytes, const Placement& g) const {
    const std::size_t level = outermost(g);
    if (level == 0) return intra_step(g) + bytes / (p_.intra_bandwidth * g.levels.front().per_member);
    const BytesPerSecond each =
        p_.inter_bandwidth * g.levels[level].share / static_cast<double>(g.levels[level - 1].members);
    return inter_step(g) + bytes / each;
  }

  CollectiveParameters p_;
  Evidence evidence_;
};

}  // namespace

std::unique_ptr<CollectiveModel> make_ring_collectives(const CollectiveParameters& parameters, Evidence evidence) {
  return std::make_unique<RingCollectives>(parameters, evidence);
}

}  // namespace forerun

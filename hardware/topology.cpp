#include "hardware/topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/dijkstra_shortest_paths.hpp>
#include <boost/pending/disjoint_sets.hpp>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "hardware/cluster_graph.hpp"

namespace forerun {
namespace {

struct Wire {
  double seconds;
};
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS, boost::no_property, Wire>;

bool stands_alone(const Cluster& cluster, const NodeGroup& group) {
  return group.node.nics == 0 || cluster.network.empty();
}

Problems check_mixed(const Cluster& cluster, int gpus) {
  int sum = 0;
  bool connected = true;
  for (const NodeGroup& group : cluster.nodes) {
    sum += group.count * group.node.devices;
    connected = connected && !stands_alone(cluster, group);
  }
  if (!connected) {
    return {{.at = {},
             .message = fmt::format("the nodes of cluster '{}' are not connected", cluster.name),
             .hint = "write NICs for each and a network"}};
  }
  if (sum == gpus) return {};
  return {{.at = {},
           .message = fmt::format("cluster '{}' has {} GPUs of {} kinds of nodes, not {}", cluster.name, sum,
                                  cluster.nodes.size(), gpus),
           .hint = fmt::format("ask for {} GPUs, or change the counts of its nodes", sum)}};
}

// The most GPUs that one group of nodes may have; 0 when nothing limits it.
int most_gpus(const Cluster& cluster) {
  const NodeGroup& group = cluster.nodes.front();
  if (stands_alone(cluster, group)) return group.node.devices;
  int most = cluster.max_gpus;
  const auto limit = [&](int nodes) {
    if (nodes > 0) most = most == 0 ? nodes * group.node.devices : std::min(most, nodes * group.node.devices);
  };
  limit(group.count);
  limit(cluster.network.back().nodes);
  return most;
}

Problems check_size(const Cluster& cluster, int gpus) {
  if (gpus < 1)
    return {{.at = {}, .message = fmt::format("{} is not a number of GPUs", gpus), .hint = "write 1 or more"}};
  if (cluster.nodes.size() > 1) return check_mixed(cluster, gpus);
  const NodeGroup& group = cluster.nodes.front();
  const int size = group.node.devices;
  if (const int most = most_gpus(cluster); most > 0 && gpus > most) {
    const std::string why = stands_alone(cluster, group) ? ": its nodes stand alone" : "";
    return {{.at = {},
             .message = fmt::format("cluster '{}' has at most {} GPUs, not {}{}", cluster.name, most, gpus, why),
             .hint = fmt::format("ask for {} or fewer, or name a larger cluster", most)}};
  }
  if (gpus > size && gpus % size != 0) {
    const int below = gpus / size * size;
    return {{.at = {},
             .message = fmt::format("{} GPUs are not whole nodes of {} in cluster '{}'", gpus, size, cluster.name),
             .hint = fmt::format("ask for {} or {}", below, below + size)}};
  }
  return {};
}

// Devices of one component carry the same label, after each ring of links.
class Components {
 public:
  explicit Components(const ClusterGraph& graph)
      : rank_(graph.vertices), parent_(graph.vertices), sets_(rank_.data(), parent_.data()) {
    for (std::uint32_t v = 0; v < graph.vertices; ++v) sets_.make_set(v);
  }
  void join(const GraphEdge& edge) { sets_.union_set(edge.from, edge.to); }
  std::uint32_t label(std::uint32_t vertex) { return sets_.find_set(vertex); }
  std::vector<std::uint32_t> labels(std::uint32_t devices) {
    std::vector<std::uint32_t> all(devices);
    for (std::uint32_t d = 0; d < devices; ++d) all[d] = label(d);
    return all;
  }

 private:
  std::vector<std::uint32_t> rank_, parent_;
  boost::disjoint_sets<std::uint32_t*, std::uint32_t*> sets_;
};

// Components are runs of consecutive devices. The largest block such that no block, counted from the first device,
// straddles two of them is the greatest common divisor of where they start: a ragged last component does not count,
// unequal nodes do.
std::uint32_t block_size(const std::vector<std::uint32_t>& label) {
  const auto devices = static_cast<std::uint32_t>(label.size());
  std::uint32_t block = 0;
  for (std::uint32_t d = 1; d < devices; ++d) {
    if (label[d] != label[d - 1]) block = std::gcd(block, d);
  }
  return block == 0 ? devices : block;
}

// The links of one ring that leave each component, as the least share of one device in it: the cut, independent of how
// ragged the components are.
BytesPerSecond least_share(const ClusterGraph& graph, std::span<const GraphEdge> ring, Components& components) {
  std::vector<double> leaving(graph.vertices, 0), members(graph.vertices, 0);
  for (std::uint32_t d = 0; d < graph.devices; ++d) members[components.label(d)] += 1;
  for (const GraphEdge& edge : ring) {
    const std::uint32_t a = components.label(edge.from), b = components.label(edge.to);
    if (a == b) continue;
    leaving[a] += edge.link.bandwidth.value();
    leaving[b] += edge.link.bandwidth.value();
  }
  BytesPerSecond least = BytesPerSecond::infinity();
  for (std::uint32_t v = 0; v < graph.vertices; ++v) {
    if (members[v] > 0 && leaving[v] > 0) least = min(least, BytesPerSecond{leaving[v] / members[v]});
  }
  return least;
}

// One device for every composition of a component (how many devices of which group): components of equal composition
// are built alike and all devices of a node are alike, so that the longest route in the cluster starts at one of these.
// A homogeneous cluster has one, or one more for each ragged tier.
void add_sources(const ClusterGraph& graph, const std::vector<std::uint32_t>& label, std::set<std::uint32_t>& sources) {
  std::set<std::map<std::size_t, std::uint32_t>> seen;
  for (std::uint32_t d = 0; d < graph.devices;) {
    std::map<std::size_t, std::uint32_t> members, first;
    const std::uint32_t component = label[d];
    for (; d < graph.devices && label[d] == component; ++d) {
      ++members[graph.group[d]];
      first.emplace(graph.group[d], d);
    }
    if (seen.insert(members).second) {
      for (const auto& [group, device] : first) sources.insert(device);
    }
  }
}

struct Found {
  std::vector<Level> levels;
  std::vector<std::vector<std::uint32_t>> labels;  // of the devices, at each level
};

// Joins ring after ring; wherever blocks of devices come together, there is a level.
Found find_levels(const ClusterGraph& graph) {
  Found found;
  Components components(graph);
  std::uint32_t block = 1;
  BytesPerSecond share = BytesPerSecond::infinity(), alone = BytesPerSecond::infinity();
  for (auto edge = graph.edges.begin(); edge != graph.edges.end();) {
    const int ring = edge->ring;
    const auto next = std::find_if(edge, graph.edges.end(), [&](const GraphEdge& e) { return e.ring != ring; });
    share = min(share, least_share(graph, {edge, next}, components));
    alone = min(alone, graph.alone[static_cast<std::size_t>(ring)]);
    for (; edge != next; ++edge) components.join(*edge);
    std::vector<std::uint32_t> label = components.labels(graph.devices);
    const std::uint32_t grown = block_size(label);
    if (grown == block) continue;
    found.levels.push_back({.size = static_cast<int>(grown), .per_device = alone, .per_component = share * block});
    found.labels.push_back(std::move(label));
    block = grown;
    share = alone = BytesPerSecond::infinity();
  }
  return found;
}

void find_latencies(const ClusterGraph& graph, Found& found) {
  Graph wires(graph.vertices);
  for (const GraphEdge& edge : graph.edges) boost::add_edge(edge.from, edge.to, Wire{edge.link.latency.value()}, wires);
  std::set<std::uint32_t> sources;
  for (const auto& label : found.labels) add_sources(graph, label, sources);
  std::vector<double> distance(graph.vertices);
  for (const std::uint32_t source : sources) {
    boost::dijkstra_shortest_paths(wires, source,
                                   boost::weight_map(boost::get(&Wire::seconds, wires)).distance_map(distance.data()));
    for (std::size_t l = 0; l < found.levels.size(); ++l) {
      Seconds& latency = found.levels[l].latency;
      for (std::uint32_t d = 0; d < graph.devices; ++d) {
        if (found.labels[l][d] == found.labels[l][source]) latency = max(latency, Seconds{distance[d]});
      }
    }
  }
}

bool reduces_in_switch(const Cluster& cluster) {
  return std::all_of(cluster.nodes.begin(), cluster.nodes.end(),
                     [](const NodeGroup& g) { return g.node.fabric.reduces_in_switch; });
}

}  // namespace

Result<Topology> build_topology(const Cluster& cluster, int gpus) {
  if (Problems problems = check_size(cluster, gpus); !problems.empty()) return fail(std::move(problems));
  const Level lone{.size = 1, .per_device = BytesPerSecond::infinity(), .per_component = BytesPerSecond::infinity()};
  if (gpus == 1) return Topology{.devices = 1, .levels = {lone}};
  const ClusterGraph graph = build_graph(cluster, gpus);
  Found found = find_levels(graph);
  find_latencies(graph, found);
  // Without a fabric's ring a node holds one device; it is a level all the same, so that the first is always the node.
  if (graph.edges.front().ring == 0) {
    found.levels.front().reduces_in_switch = reduces_in_switch(cluster);
    found.levels.front().fabric = cluster.nodes.front().node.fabric.kind;
  } else {
    found.levels.insert(found.levels.begin(), lone);
  }
  return Topology{.devices = gpus, .levels = std::move(found.levels)};
}

}  // namespace forerun

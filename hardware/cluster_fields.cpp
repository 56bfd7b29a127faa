#include "hardware/cluster_fields.hpp"

#include <fmt/format.h>

#include "base/files/name_or_path.hpp"
#include "base/text.hpp"
#include "hardware/catalog.hpp"
#include "hardware/device_fields.hpp"

namespace forerun {
namespace {

using namespace fields;

constexpr int most_devices_of_a_node = 10000, most_nodes = 1000000, most_gpus = 100000000;

void check_fabric(const Fabric& fabric, MapReader& map) {
  if (!fabric.reduces_in_switch || fabric.kind == FabricKind::switched) return;
  map.required("reduces_in_switch")
      .report("only a switched fabric can reduce in its switch",
              "remove 'reduces_in_switch', or write 'kind: switched'");
}

Device named_device(const YamlNode& node) {
  const std::string name = beside(node.text(), node.position().file);
  if (name.empty()) return {};  // already reported
  auto found = find_device(name);
  if (found) return *std::move(found);
  for (const Problem& problem : found.error()) {
    const bool has_line = problem.at.line > 0;
    const std::string where = problem.at.file.empty() ? ""
                              : has_line              ? fmt::format("{}:{}: ", problem.at.file, problem.at.line)
                                                      : problem.at.file + ": ";
    node.report(where + problem.message, problem.hint);
  }
  return {};
}

// A name in the catalogue, a path, or the device itself as a map. It is written in place, so that the text stands
// alone.
Kind<Device> device() {
  Kind<Device> kind = nested(device_fields());
  kind.words = {"name, file or map", "", ""};
  kind.read = [](Device& value, const YamlNode& node) {
    value = node.is_map() ? device_fields().read(node) : named_device(node);
  };
  return kind;
}

void check_nics(const Node& node, MapReader& map) {
  if (node.nics == 0 || node.nics % node.devices == 0 || node.devices % node.nics == 0) return;
  map.required("nics").report(fmt::format("{} NICs cannot be spread evenly over {} devices", node.nics, node.devices),
                              "write a multiple or a divisor of the number of devices");
}

Table<Node> make_node_fields() {
  Table<Node> table;
  table.required("device", &Node::device, device(), "the device in the catalogue, a file of it, or its keys");
  table.required("devices", &Node::devices, integer(1, most_devices_of_a_node), "devices of a node");
  table.required("fabric", &Node::fabric, nested(fabric_fields()), "what joins the devices of a node");
  table.required("host", &Node::host, nested(link_fields()), "from a device to host memory and NIC");
  table.required("nics", &Node::nics, integer(0, most_devices_of_a_node),
                 "of a node, spread evenly over its devices; 0: the node stands alone");
  table.required("nic", &Node::nic, nested(link_fields()), "one NIC, where there are any")
      .only([](const Node& node) { return node.nics > 0; }, [](const Node&) { return "a node without NICs"; },
            "'nics' above 0");
  table
      .rare("host_memory", &Node::host_memory, unset_as(Bytes{0}, positive<Bytes>()),
            "of the node, for what plans offload")
      .otherwise("not known: it is not checked");
  table.checked(check_nics);
  return table;
}

const Table<Node>& node_fields() {
  static const Table<Node> table = make_node_fields();
  return table;
}

// Nothing leaves the outermost tier, which alone may hold as many nodes as there are.
void check_place(const Tier& tier, bool outermost, const YamlNode& node) {
  if (!node.is_map()) return;
  MapReader map = node.map();
  if (!outermost && tier.nodes == 0) static_cast<void>(map.required("nodes"));
  if (outermost && tier.oversubscription > 1) {
    map.required("oversubscription")
        .report("nothing leaves the outermost tier, so it cannot be oversubscribed", "write it at the tier below");
  }
}

// Each tier holds whole switches of the one below.
void check_whole_switches(const Tier& below, const Tier& tier, const YamlNode& node) {
  if (tier.nodes == 0 || below.nodes == 0) return;
  if (tier.nodes % below.nodes == 0 && tier.nodes != below.nodes) return;
  node.report(fmt::format("'{}' holds {} nodes, which is not a multiple of the {} nodes of '{}'", tier.name, tier.nodes,
                          below.nodes, below.name));
}

Kind<std::vector<Tier>> tiers() {
  Kind<std::vector<Tier>> kind = list(nested(tier_fields()));
  kind.read = [each = kind.read](std::vector<Tier>& tiers, const YamlNode& node) {
    each(tiers, node);
    const std::vector<YamlNode> items = node.is_sequence() ? node.items() : std::vector<YamlNode>{};
    for (std::size_t i = 0; i < items.size(); ++i) {
      check_place(tiers[i], i + 1 == items.size(), items[i]);
      if (i > 0) check_whole_switches(tiers[i - 1], tiers[i], items[i]);
    }
  };
  return kind;
}

Kind<std::vector<NodeGroup>> groups() {
  Kind<std::vector<NodeGroup>> kind = list(nested(node_group_fields()));
  kind.read = [each = kind.read](std::vector<NodeGroup>& groups, const YamlNode& node) {
    each(groups, node);
    if (node.is_sequence() && groups.empty()) node.report("a cluster needs at least one kind of node");
  };
  return kind;
}

void check_cluster(const Cluster& cluster, MapReader& map) {
  bool connected = false;
  for (const NodeGroup& group : cluster.nodes) {
    connected = connected || group.node.nics > 0;
    if (cluster.nodes.size() > 1 && group.count == 0)
      map.node().report("a cluster of several kinds of nodes needs a 'count' for each");
    if (cluster.nodes.size() > 1 && group.node.nics == 0)
      map.node().report("a cluster of several kinds of nodes needs NICs in each");
  }
  if (connected && cluster.network.empty())
    map.node().report("the nodes have NICs but there is no network", "write 'network:' or 'nics: 0'");
  if (!connected && !cluster.network.empty())
    map.node().report("there is a network but no node has a NIC", "write 'nics:' and 'nic:'");
}

Table<Cluster> make_cluster_fields() {
  Table<Cluster> table;
  table.required("name", &Cluster::name, text(), "as reports print it");
  table.rare("aliases", &Cluster::aliases, list(text()), "other names by which it is found").label("it finds the file");
  table.required("nodes", &Cluster::nodes, groups(), "kinds of nodes");
  table.rare("network", &Cluster::network, tiers(), "tiers above the nodes, from the node outwards");
  table.rare("max_gpus", &Cluster::max_gpus, integer_or_unset(most_gpus), "devices that there are at most")
      .otherwise("no limit");
  table.checked(check_cluster);
  return table;
}

}  // namespace

const Table<Link>& link_fields() {
  static const Table<Link> table =
      Table<Link>()
          .required("bandwidth", &Link::bandwidth, positive<BytesPerSecond>(), "in each direction")
          .required("latency", &Link::latency, quantity<Seconds>(), "of a message of no length");
  return table;
}

const Table<Fabric>& fabric_fields() {
  static const Table<Fabric> table =
      Table<Fabric>()
          .required("kind", &Fabric::kind, choice(all_to(FabricKind::pcie)),
                    "a switch in which each device has a port, links from device to device, or the host's PCIe")
          .inlined(&Fabric::link, link_fields())
          .rare("reduces_in_switch", &Fabric::reduces_in_switch, flag(), "NVLink SHARP (NVLS)")
          .checked(check_fabric);
  return table;
}

const Table<NodeGroup>& node_group_fields() {
  static const Table<NodeGroup> table =
      Table<NodeGroup>()
          .rare("count", &NodeGroup::count, integer_or_unset(most_nodes), "nodes of this kind")
          .otherwise("as many as are asked for")
          .inlined(&NodeGroup::node, node_fields());
  return table;
}

const Table<Tier>& tier_fields() {
  static const Table<Tier> table =
      Table<Tier>()
          .required("name", &Tier::name, text(), "rack, pod, spine")
          .label("for people")
          .rare("nodes", &Tier::nodes, integer_or_unset(most_nodes), "nodes below one switch of the tier")
          .otherwise("all; only of the outermost tier")
          .rare("oversubscription", &Tier::oversubscription, number(1, 1000),
                "capacity below the switch over capacity to the tier above")
          .required("latency", &Tier::latency, quantity<Seconds>(), "added by crossing the tier, one way");
  return table;
}

const Table<Cluster>& cluster_fields() {
  static const Table<Cluster> table = make_cluster_fields();
  return table;
}

Cluster read_cluster(const YamlNode& node) { return cluster_fields().read(node); }
std::string to_yaml(const Cluster& cluster) { return block_yaml(cluster_fields().write(cluster)); }

}  // namespace forerun

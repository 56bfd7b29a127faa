#include "validation/collectives/collective_place.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>

#include "base/files/name_or_path.hpp"
#include "base/text.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

bool has(const std::string& text, std::string_view word) { return lower(text).find(word) != std::string::npos; }

// Words of a GPU's description, the more special before the more general, and the catalogue's cluster for it.
struct Known {
  std::string_view word, cluster;
};
constexpr std::array<Known, 24> known_words{{{"gb300", "gb300-nvl72"},
                                             {"gb200", "gb200-nvl72"},
                                             {"b300", "dgx-b300"},
                                             {"b200", "dgx-b200"},
                                             {"gh200", "gh200-slingshot"},
                                             {"h200", "dgx-h200"},
                                             {"h800", "h800"},
                                             {"h20", "h20-node"},
                                             {"h100-pcie", "h100-pcie-node"},
                                             {"h100", "dgx-h100"},
                                             {"a100-pcie", "a100-pcie-node"},
                                             {"a100", "dgx-a100"},
                                             {"a800", "dgx-a100"},
                                             {"a6000", "a6000-workstation"},
                                             {"a40", "a40-node"},
                                             {"l40", "l40s-node"},
                                             {"l4", "l4-node"},
                                             {"4090", "rtx-4090-box"},
                                             {"pro 6000", "rtx-pro-6000-box"},
                                             {"pro6000", "rtx-pro-6000-box"},
                                             {"v100", "dgx-v100"},
                                             {"mi355", "mi355x-node"},
                                             {"mi325", "mi325x-node"},
                                             {"mi300", "mi300x-node"}}};

std::optional<Cluster> find_by_words(const std::string& gpu) {
  if (names_file(gpu)) {  // a machine's own, as forerun profile writes it
    auto cluster = find_cluster(gpu);
    return cluster && is_homogeneous(*cluster) ? std::optional<Cluster>(*std::move(cluster)) : std::nullopt;
  }
  const std::size_t open = gpu.find('('), close = gpu.find(')');
  std::vector<std::string> names;
  if (open != std::string::npos && close != std::string::npos && close > open)
    names.push_back(gpu.substr(open + 1, close - open - 1));
  names.push_back(gpu);
  for (const Known& known : known_words) {
    if (has(gpu, known.word)) names.emplace_back(known.cluster);
  }
  for (const std::string& name : names) {
    if (name.empty() || is_path(name)) continue;
    if (auto cluster = find_cluster(name); cluster && is_homogeneous(*cluster)) return *std::move(cluster);
  }
  return std::nullopt;
}

// The fabric as the row describes it, where it is not the catalogue's.
void read_fabric(const CollectiveRow& row, Node& node) {
  const std::string words = row.intra_link + " " + row.notes;
  const Link bridge{.bandwidth = BytesPerSecond{300e9},
                    .latency = node.fabric.link.latency};  // NVLink between two PCIe cards: 600 GB/s both ways
  if (has(words, "pairwise_nvlink") || (node.fabric.kind == FabricKind::pcie && has(words, "nvlink"))) {
    node.fabric = {.kind = FabricKind::switched, .link = bridge};
  } else if (has(row.intra_link, "pcie") || has(row.intra_link, "shm")) {
    node.fabric = {.kind = FabricKind::pcie, .link = node.host};
  }
}

bool is_stated(const std::string& link) { return !link.empty() && link != "?"; }

// A node of as many devices as the group has in one, with the row's ports or the catalogue's.
void read_network(const CollectiveRow& row, CollectivePlace& place) {
  Node& node = place.cluster.nodes.front().node;
  const int per_node = row.ranks / row.nodes;
  int ports = std::max(node.nics, 1);
  const int devices = node.devices;
  BytesPerSecond each = node.nics > 0 ? node.nic.bandwidth : BytesPerSecond{25e9};
  place.link = is_stated(row.inter_link) ? row.inter_link : place.cluster.name;
  place.network = network_kind(place.link == row.inter_link ? row.inter_link : "ib", ports);
  if (const auto said = parse_ports(row.inter_link)) {
    ports = said->count > 0 ? said->count : devices;  // "200G Slingshot": a port each
    each = said->each;
    place.network = network_kind(row.inter_link, ports);
  }
  place.rate = static_cast<double>(ports) * each;
  const BytesPerSecond alone = ports >= devices ? static_cast<double>(ports) / devices * each : each;
  place.group.network =
      place.network.share * min(static_cast<double>(per_node) * alone, static_cast<double>(ports) * each);
  place.group.network_latency = place.network.latency;
}

// "a;b" to "b"; without ';' all of it.
std::string after_semicolon(const std::string& notes) {
  return notes.substr(notes.find(';') == std::string::npos ? 0 : notes.find(';') + 1);
}

std::string library_of(const CollectiveRow& row) {
  if (row.custom) return after_semicolon(row.notes);
  if (!row.nccl_version.empty()) return "nccl-" + row.nccl_version;
  if (lower(row.notes).starts_with("nccl-") && !has(row.notes, "nccl-tests"))
    return lower(row.notes.substr(0, row.notes.find(';')));
  const std::string source = lower(row.source);
  return source.substr(0, source.find_first_of(" (")) + (has(row.notes, "pairwise_nvlink") ? " over a bridge" : "");
}

// Links that a row names by words which are not known, or "": the catalogue's are taken where a row says nothing.
std::string unknown_link(const CollectiveRow& row) {
  constexpr std::array<std::string_view, 7> inside{"nvlink", "nvswitch", "pcie", "shm", "xgmi", "infinity", "host"};
  const auto named = [&](std::string_view word) { return has(row.intra_link, word); };
  if (is_stated(row.intra_link) && std::ranges::none_of(inside, named))
    return "intra_link: " + quoted(row.intra_link) + " is not known";
  const bool known = network_kind(row.inter_link, 1).name != network_kind("", 1).name || parse_ports(row.inter_link);
  return !is_stated(row.inter_link) || known ? "" : "inter_link: " + quoted(row.inter_link) + " is not known";
}

}  // namespace

std::optional<Ports> parse_ports(const std::string& link) {
  static const std::regex counted(R"((\d{1,3}) ?x ?(\d{2,4}) ?G)");
  static const std::regex named(
      R"((\d{1,3}) ?x ?(?:HDR|NDR|EDR|XDR|Omni-Path|InfiniBand|ConnectX-\d)[^\d]{0,6}(\d{2,4}))");
  static const std::regex plain(R"((\d{2,4}) ?G)");
  std::smatch m;
  const std::string text = link.substr(0, 200);
  const auto gigabits = [](const std::string& number) { return BytesPerSecond{std::stod(number) / 8 * 1e9}; };
  if (std::regex_search(text, m, counted) || std::regex_search(text, m, named))
    return Ports{std::stoi(m[1]), gigabits(m[2])};
  if (std::regex_search(text, m, plain)) return Ports{0, gigabits(m[1])};
  return std::nullopt;
}

const std::optional<Cluster>& CollectivePlacer::cluster_of(const std::string& gpu) {
  const auto found = clusters_.find(gpu);
  return found != clusters_.end() ? found->second : clusters_.emplace(gpu, find_by_words(gpu)).first->second;
}

const Result<FamilyParameters>& CollectivePlacer::parameters(const std::string& family) {
  const auto found = families_.find(family);
  if (found != families_.end()) return found->second;
  Result<FamilyParameters> parameters = find_family_parameters(family);
  if (parameters && parameters->nccl) {
    for (const CollectiveCalibration& own : own_) {
      if (own.generation == parameters->nccl->generation) parameters->nccl = merged(*parameters->nccl, own);
    }
  }
  return families_.emplace(family, std::move(parameters)).first->second;
}

std::string CollectivePlacer::why_not(const CollectiveRow& row) const {
  const std::string link = unknown_link(row);
  return link.empty() ? "GPU not in the catalogue: " + row.gpu : link;
}

std::optional<CollectivePlace> CollectivePlacer::place(const CollectiveRow& row) {
  const std::optional<Cluster>& cluster = cluster_of(row.gpu);
  if (!cluster || !unknown_link(row).empty()) return std::nullopt;
  CollectivePlace place{
      .cluster = *cluster, .group = {}, .network = {}, .rate = {}, .link = {}, .library = library_of(row)};
  Node& node = place.cluster.nodes.front().node;
  read_fabric(row, node);
  const int per_node = row.ranks / row.nodes;
  place.group.ranks = row.ranks;
  place.group.nodes = row.nodes;
  place.group.nvlink = node.fabric.kind != FabricKind::pcie;
  place.group.reduces_in_switch = node.fabric.reduces_in_switch;
  place.group.port = node.fabric.link.bandwidth;
  if (node.fabric.kind == FabricKind::mesh && per_node > 1 && per_node <= node.devices) {
    place.group.port *= static_cast<double>(per_node - 1) / (node.devices - 1);
  }
  if (row.nodes > 1) read_network(row, place);
  const Result<FamilyParameters>& family = parameters(node.device.family);
  if (family && family->nccl) place.group.generation = family->nccl->generation;
  return place;
}

}  // namespace forerun

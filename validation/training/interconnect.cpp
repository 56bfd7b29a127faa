#include "validation/training/interconnect.hpp"

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include "base/text.hpp"

namespace forerun {
namespace {

std::vector<std::string> parts(std::string_view text) {
  std::vector<std::string> list(1);
  for (const char c : text) {
    if (c == ',' || c == ';' || c == '|') {
      list.emplace_back();
    } else {
      list.back() += c;
    }
  }
  return list;
}

bool has(const std::string& text, std::string_view word) { return lower(text).find(word) != std::string::npos; }

// "400 Gb/s", "400Gbps", "400G" are bits; "50 GB/s" is bytes.
BytesPerSecond rate(const std::string& number, const std::string& unit) {
  const double giga = std::stod(number);
  return BytesPerSecond{(unit == "B/s" ? giga : giga / 8) * 1e9};
}

void read_part(const std::string& part, Interconnect& found) {
  static const std::regex nodes(R"((\d{1,4})-GPU [A-Za-z ]*nodes?)");
  static const std::regex plain(R"((\d{1,5}(?:\.\d{1,3})?) ?G(b/s|bps|bit/s|B/s|b/Sec|\b))");
  static const std::regex counted(R"((\d{1,3}) ?x ?[^\d][^x]*?(\d{2,5}) ?G(b/s|bps|bit/s|B/s|b/Sec|\b))");
  static const std::regex generation(R"((\d{1,3}) ?x ?[^x]*?(?:Omni-Path|EDR|HDR|NDR|XDR|InfiniBand) (\d{2,4})\b)");
  std::smatch m;
  if (std::regex_search(part, m, nodes)) found.devices = std::stoi(m[1]);
  if (has(part, "single node") || has(part, "single-node")) found.single_node = true;
  if (has(part, "storage") || has(part, "management") || has(part, "intra-node")) return;
  if (has(part, "per gpu")) {
    if (std::regex_search(part, m, plain)) found.per_device = rate(m[1], m[2]);
    return;
  }
  const bool has_count = std::regex_search(part, m, counted) || std::regex_search(part, m, generation);
  if (has_count && !has(part, "nvlink")) {
    const int nics = std::stoi(m[1]);
    const BytesPerSecond nic = rate(m[2], m.size() > 3 ? m[3].str() : "");
    const bool faster = !found.nic || nics * nic > *found.nics * *found.nic;
    if (nics > 0 && faster) found.nics = nics, found.nic = nic;
    return;
  }
  const bool total =
      has(part, "inter-node") || has(part, "node-node") || has(part, "per node") || has(part, "between nodes");
  if (total && std::regex_search(part, m, plain)) found.per_node = rate(m[1], m[2]);
}

}  // namespace

Interconnect parse_interconnect(std::string_view text) {
  Interconnect found;
  constexpr std::size_t longest = 2000;  // the patterns recurse on long texts
  for (const std::string& part : parts(text.substr(0, longest))) read_part(part, found);
  return found;
}

Cluster with_interconnect(Cluster cluster, const Interconnect& text, int gpus) {
  Node& node = cluster.nodes.front().node;
  cluster.nodes.front().count = 0;
  cluster.max_gpus = 0;
  const int nics_of_device = node.devices;
  const int nics_before = node.nics;
  if (text.devices && *text.devices > 0) node.devices = *text.devices;
  if (text.single_node) node.devices = std::max(node.devices, gpus);
  if (gpus > node.devices && gpus % node.devices != 0) {
    int divisor = node.devices;
    while (gpus % divisor != 0) --divisor;
    node.devices = divisor;
  }
  // As many NICs a device as before, where the text does not count them.
  if (nics_before > 0) node.nics = std::max(1, nics_before * node.devices / nics_of_device);
  const int nics = std::max(node.nics, 1);
  const auto set = [&node](int count, BytesPerSecond each) {
    if (node.nics == 0) node.nic.latency = Seconds{1.5e-6};  // as in the catalogue's clusters
    node.nics = count;
    node.nic.bandwidth = each;
  };
  if (text.per_device) {
    set(node.devices, *text.per_device);
  } else if (text.nic) {
    set(*text.nics, *text.nic);
  } else if (text.per_node) {
    set(nics, *text.per_node / nics);
  }
  if (node.nics > 0 && cluster.network.empty()) cluster.network = {{"network", 0, 1, Seconds{0.5e-6}}};
  return cluster;
}

}  // namespace forerun

#include "studies/collective_fitting.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "studies/collective_prediction.hpp"

namespace forerun {
namespace {

// Samples of one fit, with who measured them.
struct Pool {
  std::vector<CollectiveSample> samples;
  std::set<std::string> sources;
  std::set<int> ranks;
};

std::string source_text(const Pool& pool) {
  std::vector<std::string> ranks;
  for (const int n : pool.ranks) ranks.push_back(std::to_string(n));
  return fmt::format("\"{}; {} ranks\"", join({pool.sources.begin(), pool.sources.end()}, ", "), join(ranks, ", "));
}

// Everything measured of one generation, in order of its keys.
struct Measured {
  BytesPerSecond port;
  std::map<std::pair<CollectiveKind, std::string>, Pool> node;
  std::map<std::string, Pool> custom;
  std::map<std::tuple<std::string, CollectiveKind, int, int>, Pool> networks;
};

bool is_release(const std::string& library) { return library.starts_with("nccl-"); }

class Collector {
 public:
  void add(const CollectiveRow& row) {
    const auto place = placer_.place(row);
    if (!place || lower(row.notes).starts_with("summary sample")) return;
    const Node& node = node_of(place->cluster);
    const Result<FamilyParameters>& family = placer_.parameters(node.device.family);
    if (!family || !family->nccl) return;
    NcclGroup group = place->group;
    if (row.nodes > 1) group.network = group.network / place->network.share;
    const CollectiveSample sample{row.kind, group, row.bytes, row.time};
    Measured& measured = by_generation[group.generation];
    const auto pool = [&](Pool& into) {
      into.samples.push_back(sample);
      into.sources.insert(row.source + " " + row.gpu);
      into.ranks.insert(row.ranks);
    };
    if (row.nodes > 1) {
      pool(measured.networks[{network_key(row, *place), row.kind, row.ranks, row.nodes}]);
    } else if (node.fabric.kind == FabricKind::switched) {
      measured.port = max(measured.port, group.port);
      if (row.custom) {
        pool(measured.custom[place->library]);
        return;
      }
      pool(measured.node[{row.kind, place->library}]);
      if (is_release(place->library)) pool(measured.node[{row.kind, "nccl"}]);
    }
  }

  std::map<NcclGeneration, Measured> by_generation;

 private:
  CollectivePlacer placer_;
};

// Releases of a kind apart only where there are several; a kind that no release measured takes the largest pool for NCCL's.
void choose_pools(std::map<std::pair<CollectiveKind, std::string>, Pool>& pools) {
  for (int k = 0; k <= static_cast<int>(CollectiveKind::send); ++k) {
    const auto kind = static_cast<CollectiveKind>(k);
    const Pool* largest = nullptr;
    std::vector<std::string> releases;
    for (const auto& [key, pool] : pools) {
      if (key.first != kind) continue;
      if (is_release(key.second)) releases.push_back(key.second);
      if (key.second.find(' ') == std::string::npos && (largest == nullptr || pool.samples.size() > largest->samples.size())) largest = &pool;
    }
    if (releases.size() == 1) pools.erase({kind, releases.front()});
    if (releases.empty() && largest != nullptr) pools.emplace(std::pair{kind, "nccl"}, Pool(*largest));
  }
}

// Rows enough for a curve of their own.
bool has_own_curve(const std::string& library, const Pool& pool) {
  constexpr std::size_t enough = 60;
  return library == "nccl" || (is_release(library) && pool.ranks.size() > 1) || pool.samples.size() >= enough;
}

void fit_nodes(const Measured& measured, const std::string& date, CollectiveCalibration& into) {
  const auto add = [&](CollectiveKind kind, const std::string& library, const Pool& pool, const CollectiveForm* given) {
    const HostFloor floor = library.starts_with("nccl") ? HostFloor::none : HostFloor::fitted;
    into.node.push_back({kind, library, source_text(pool), date, fit_node(pool.samples, floor, given)});
  };
  for (const auto& [key, pool] : measured.node) {
    if (has_own_curve(key.second, pool)) add(key.first, key.second, pool, nullptr);
  }
  for (const auto& [key, pool] : measured.node) {
    if (has_own_curve(key.second, pool)) continue;
    const NodeCalibration* nccl = find_fit(into, key.first, "nccl");
    if (nccl == nullptr || pool.samples.size() < 3) continue;
    const CollectiveForm given = nccl->fit.form;  // `into` grows
    add(key.first, key.second, pool, &given);
  }
}

void fit_customs(const Measured& measured, const std::string& date, CollectiveCalibration& into) {
  const NodeCalibration* nccl = find_fit(into, CollectiveKind::all_reduce, "nccl");
  if (nccl == nullptr) return;
  for (const auto& [library, pool] : measured.custom) {
    const LaunchedBy by = library.ends_with("_eager") ? LaunchedBy::host : LaunchedBy::graph;
    into.custom.push_back({library, source_text(pool), date, fit_custom(pool.samples, by, nccl->fit.form)});
  }
}

void fit_networks(const Measured& measured, const std::string& date, CollectiveCalibration& into) {
  for (const auto& [key, pool] : measured.networks) {
    if (pool.samples.size() < 3) continue;
    const auto& [link, kind, ranks, nodes] = key;
    into.networks.push_back({link, kind, ranks, nodes, source_text(pool), date, fit_network(pool.samples)});
  }
}

}  // namespace

std::vector<CollectiveCalibration> fit_collectives(std::span<const CollectiveRow> rows, const std::string& date) {
  Collector collector;
  for (const CollectiveRow& row : rows) collector.add(row);
  std::vector<CollectiveCalibration> all;
  for (auto& [generation, measured] : collector.by_generation) {
    choose_pools(measured.node);
    CollectiveCalibration c{.generation = generation, .port = measured.port, .node = {}, .custom = {}, .networks = {}};
    fit_nodes(measured, date, c);
    fit_customs(measured, date, c);
    fit_networks(measured, date, c);
    if (!c.node.empty() || !c.networks.empty()) all.push_back(std::move(c));
  }
  return all;
}

}  // namespace forerun

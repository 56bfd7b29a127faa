#include "validation/collectives/collective_fitting.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "validation/collectives/collective_prediction.hpp"

namespace forerun {
namespace {

// Samples of one fit, with who measured them.
struct Pool {
  std::vector<CollectiveSample> samples;
  BytesPerSecond rate;  // of a node's ports, over a network
  std::set<std::string> sources;
  std::set<int> ranks;
};

std::string source_text(const Pool& pool) {
  std::vector<std::string> ranks;
  for (const int n : pool.ranks) ranks.push_back(std::to_string(n));
  return fmt::format("{}; {} ranks", join({pool.sources.begin(), pool.sources.end()}, ", "), join(ranks, ", "));
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
    if (lower(row.notes).starts_with("summary sample")) return;
    const auto place = placer_.place(row);
    if (!place) return leave("GPU not in the catalogue: " + row.gpu);
    const Node& node = node_of(place->cluster);
    const Result<FamilyParameters>& family = placer_.parameters(node.device.family);
    if (!family || !family->nccl) return leave(row.gpu + " does not run NCCL");
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
      Pool& network = measured.networks[{network_key(row, *place), row.kind, row.ranks, row.nodes}];
      pool(network);
      network.rate = place->rate;
      if (measured.port == BytesPerSecond{}) measured.port = group.port;
    } else if (node.fabric.kind == FabricKind::switched) {
      measured.port = max(measured.port, group.port);
      if (row.custom) {
        pool(measured.custom[place->library]);
        return;
      }
      pool(measured.node[{row.kind, place->library}]);
      if (is_release(place->library)) pool(measured.node[{row.kind, "nccl"}]);
    } else {
      leave(fmt::format("{} in a node without a switch, which no curve describes", row.gpu));
    }
  }

  std::map<NcclGeneration, Measured> by_generation;
  std::map<std::string, std::size_t> left;  // rows by the reason

 private:
  void leave(const std::string& reason) { ++left[reason]; }

  CollectivePlacer placer_;
};

// Rows enough for a curve of their own.
constexpr std::size_t enough_for_curve = 60;

// Releases of a kind apart only where there are several; a kind that no release measured takes the largest pool for
// NCCL's, and where that is small (what its host adds cannot be told) has no other.
void choose_pools(std::map<std::pair<CollectiveKind, std::string>, Pool>& pools) {
  for (int k = 0; k <= static_cast<int>(CollectiveKind::send); ++k) {
    const auto kind = static_cast<CollectiveKind>(k);
    const std::pair<const std::pair<CollectiveKind, std::string>, Pool>* largest = nullptr;
    std::vector<std::string> releases;
    for (const auto& one : pools) {
      const auto& [key, pool] = one;
      if (key.first != kind) continue;
      if (is_release(key.second)) releases.push_back(key.second);
      if (key.second.find(' ') == std::string::npos &&
          (largest == nullptr || pool.samples.size() > largest->second.samples.size()))
        largest = &one;
    }
    if (releases.size() == 1) pools.erase({kind, releases.front()});
    if (!releases.empty() || largest == nullptr) continue;
    const auto key = largest->first;
    pools.emplace(std::pair{kind, "nccl"}, Pool(largest->second));
    if (largest->second.samples.size() < enough_for_curve && key.second != "nccl") pools.erase(key);
  }
}

bool has_own_curve(const std::string& library, const Pool& pool) {
  return library == "nccl" || (is_release(library) && pool.ranks.size() > 1) || pool.samples.size() >= enough_for_curve;
}

// Of one generation, into its calibration.
class Fitter {
 public:
  Fitter(NcclGeneration generation, const Measured& measured, std::string date, CollectiveFitting& into)
      : measured_(measured),
        date_(std::move(date)),
        into_(into),
        c_{.generation = generation, .port = measured.port, .node = {}, .custom = {}, .networks = {}} {
    if (auto shipped = find_collective_calibration(generation)) shipped_ = *std::move(shipped);
  }

  CollectiveCalibration fit(const std::string& cluster) {
    nodes();
    customs();
    networks(cluster);
    return std::move(c_);
  }

 private:
  static constexpr std::size_t fewest_for_rate = 3, fewest_for_curve = 8;

  void too_few(std::string_view kind, const std::string& whose, const Pool& pool) {
    into_.not_fitted.push_back(
        fmt::format("{} {} {} ({} rows)", to_string(c_.generation), kind, whose, pool.samples.size()));
  }

  static HostFloor floor_of(const std::string& library) {
    return library.starts_with("nccl") ? HostFloor::none : HostFloor::fitted;
  }

  void add(CollectiveKind kind, const std::string& library, const Pool& pool, const CollectiveForm* given) {
    c_.node.push_back(
        {kind, library, source_text(pool), date_, measured_.port, fit_node(pool.samples, floor_of(library), given)});
  }

  // Few rows of large messages make a curve that is worth nothing for small ones.
  void add_curve(CollectiveKind kind, const std::string& library, const Pool& pool) {
    add(kind, library, pool, nullptr);
    const NodeCalibration* shipped = find_fit(shipped_, kind, "nccl");
    if (shipped == nullptr || pool.samples.size() >= enough_for_curve) return;
    const NodeFit moved = fit_node(pool.samples, floor_of(library), &shipped->fit.form);
    const auto worth = [](const NodeFit& fit) { return fit.left_out.median + fit.left_out.p90; };
    if (worth(moved) <= worth(c_.node.back().fit)) c_.node.back().fit = moved;
  }

  // First the curves of NCCL and of large pools, then the rates of small ones beside NCCL's curve: the one fitted here,
  // else the shipped one.
  void nodes() {
    const bool host = c_.generation == NcclGeneration::host;
    const auto own_curve = [host](const std::string& library, const Pool& pool) {
      return (host || has_own_curve(library, pool)) && pool.samples.size() >= fewest_for_curve;
    };
    for (const auto& [key, pool] : measured_.node) {
      if (own_curve(key.second, pool)) add_curve(key.first, key.second, pool);
    }
    for (const auto& [key, pool] : measured_.node) {
      const auto& [kind, library] = key;
      if (own_curve(library, pool)) continue;
      const NodeCalibration* nccl =
          find_fit(c_, kind, "nccl") != nullptr ? find_fit(c_, kind, "nccl") : find_fit(shipped_, kind, "nccl");
      if (nccl == nullptr || pool.samples.size() < fewest_for_rate) {
        too_few(to_string(kind), library, pool);
        continue;
      }
      const CollectiveForm given = nccl->fit.form;  // c_ grows
      add(kind, library, pool, &given);
    }
  }

  void customs() {
    const CollectiveKind kind = CollectiveKind::all_reduce;
    const NodeCalibration* nccl =
        find_fit(c_, kind, "nccl") != nullptr ? find_fit(c_, kind, "nccl") : find_fit(shipped_, kind, "nccl");
    for (const auto& [library, pool] : measured_.custom) {
      if (nccl == nullptr || pool.samples.size() < fewest_for_curve) {
        too_few("custom all-reduce", library, pool);
        continue;
      }
      const LaunchedBy by = library.ends_with("_eager") ? LaunchedBy::host : LaunchedBy::graph;
      c_.custom.push_back({library, source_text(pool), date_, fit_custom(pool.samples, by, nccl->fit.form)});
    }
  }

  void networks(const std::string& cluster) {
    for (const auto& [key, pool] : measured_.networks) {
      const auto& [link, kind, ranks, nodes] = key;
      if (pool.samples.size() < fewest_for_rate) {
        too_few(to_string(kind), fmt::format("of {} ranks over {}", ranks, link), pool);
        continue;
      }
      c_.networks.push_back(
          {link, kind, ranks, nodes, cluster, pool.rate, source_text(pool), date_, fit_network(pool.samples)});
    }
  }

  const Measured& measured_;
  std::string date_;
  CollectiveFitting& into_;
  CollectiveCalibration c_, shipped_;
};

}  // namespace

CollectiveFitting fit_collectives(std::span<const CollectiveRow> rows, const std::string& date,
                                  const std::string& cluster) {
  Collector collector;
  for (const CollectiveRow& row : rows) collector.add(row);
  CollectiveFitting fitting;
  for (auto& [generation, measured] : collector.by_generation) {
    if (generation != NcclGeneration::host) choose_pools(measured.node);
    CollectiveCalibration c = Fitter(generation, measured, date, fitting).fit(cluster);
    if (!c.node.empty() || !c.custom.empty() || !c.networks.empty()) fitting.calibrations.push_back(std::move(c));
  }
  for (const auto& [reason, n] : collector.left) fitting.not_fitted.push_back(fmt::format("{} ({} rows)", reason, n));
  return fitting;
}

}  // namespace forerun

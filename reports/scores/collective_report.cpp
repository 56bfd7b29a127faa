#include "reports/scores/collective_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "reports/json_text.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

void add(Json& json, const CollectiveErrors& e) {
  json["n"] = e.n, json["median"] = e.median, json["p90"] = e.p90, json["sum_ratio"] = e.sum_ratio,
  json["in_band"] = e.in_band;
}
Json errors_json(const CollectiveErrors& e) {
  Json json = Json::object();
  add(json, e);
  return json;
}

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }
std::string share(double fraction) { return fmt::format("{:.0f} %", 100 * fraction); }

std::vector<std::string> error_cells(const CollectiveErrors& e) {
  return {std::to_string(e.n), percent(e.median), percent(e.p90), fmt::format("{:.3f}", e.sum_ratio), share(e.in_band)};
}

std::vector<std::string> left_out_cells(const CollectiveErrors& e) {
  if (e.n == 0) return {"0", "", "", ""};
  return {std::to_string(e.n), percent(e.median), percent(e.p90), share(e.in_band)};
}

template <class... More>
std::vector<std::string> joined(std::vector<std::string> cells, const More&... more) {
  (cells.insert(cells.end(), more.begin(), more.end()), ...);
  return cells;
}

const Table::Column count{"n"}, median{"median"}, p90{"p90"}, sum{"sum"}, band{"in band", Align::right, 1};

std::string group_table(const CollectiveValidation& v, bool left_out, int width) {
  std::vector<Table::Column> columns{{"source", Align::left},
                                     {"gpu", Align::left, 1},
                                     {"format", Align::left, 3},
                                     {"collective", Align::left},
                                     {"cluster", Align::left, 2},
                                     count,
                                     median,
                                     p90,
                                     sum,
                                     band};
  if (left_out)
    columns.push_back({"n left out"}), columns.push_back({"left out"}), columns.push_back({"p90 left out"}),
        columns.push_back({"in band left out", Align::right, 1});
  columns.push_back({"evidence", Align::left, 2});
  Table table(columns);
  for (const CollectiveGroup& g : v.groups) {
    const std::string cluster = g.nodes == 1 ? "one node" : fmt::format("{} nodes, {}", g.nodes, g.link);
    std::vector<std::string> cells = joined({g.source, g.gpu, g.dtype, g.kind, cluster}, error_cells(g.errors));
    if (left_out) cells = joined(std::move(cells), left_out_cells(g.left_out));
    cells.emplace_back(to_string(g.evidence));
    table.row(std::move(cells));
  }
  return table.text(width) + "\n";
}

std::string all_table(const CollectiveValidation& v, bool left_out, int width) {
  Table table({{"all rows", Align::left}, count, median, p90, sum, band});
  const auto row = [&](const std::string& name, const CollectiveErrors& e) {
    if (e.n > 0) table.row(joined({name}, error_cells(e)));
  };
  row("inside a node", v.in_node);
  if (left_out) row("inside a node, sizes left out", v.in_node_left_out);
  row("over nodes", v.over_network);
  if (left_out) row("over nodes, clusters left out", v.over_network_left_out);
  return table.text(width) + "\n";
}

std::string held_out_table(const CollectiveValidation& v, int width) {
  if (v.held_out.empty()) return "";
  Table table({{"held-out ranks (fitted on 2 and 8)", Align::left},
               {"gpu", Align::left, 1},
               {"collective", Align::left},
               {"ranks"},
               count,
               median,
               p90,
               sum,
               band});
  for (const HeldOutRanks& h : v.held_out)
    table.row(joined({h.source, h.gpu, h.kind, std::to_string(h.ranks)}, error_cells(h.errors)));
  return table.text(width) + "\n";
}

}  // namespace

Json to_json(const CollectiveValidation& v) {
  const bool left_out = v.in_node_left_out.n + v.over_network_left_out.n > 0;
  Json skipped = Json::array(), groups = Json::array(), held_out = Json::array();
  for (const SkippedCollectives& s : v.skipped) skipped.push_back({{"reason", s.reason}, {"n", s.n}});
  for (const CollectiveGroup& g : v.groups) {
    Json group = {{"source", g.source}, {"gpu", g.gpu},     {"dtype", g.dtype},
                  {"kind", g.kind},     {"nodes", g.nodes}, {"link", g.link}};
    add(group, g.errors);
    group["evidence"] = to_string(g.evidence);
    if (left_out) group["left_out"] = errors_json(g.left_out);
    groups.push_back(std::move(group));
  }
  for (const HeldOutRanks& h : v.held_out) {
    Json one = {{"source", h.source}, {"gpu", h.gpu}, {"kind", h.kind}, {"ranks", h.ranks}};
    add(one, h.errors);
    held_out.push_back(std::move(one));
  }
  Json json = {{"rows", v.rows},
               {"scored", v.scored},
               {"others", v.others},
               {"skipped", skipped},
               {"in_node", errors_json(v.in_node)},
               {"over_network", errors_json(v.over_network)}};
  if (left_out) {
    json["left_out"] = {{"in_node", errors_json(v.in_node_left_out)},
                        {"over_network", errors_json(v.over_network_left_out)}};
    json["held_out_ranks"] = held_out;
  }
  json["groups"] = groups;
  return json;
}

std::string json_text(const CollectiveValidation& v) { return indented(to_json(v)); }

std::string to_text(const CollectiveValidation& v, int width) {
  const bool left_out = v.in_node_left_out.n + v.over_network_left_out.n > 0;
  std::string text =
      fmt::format("{} rows of collectives, {} scored; {} rows of kernels left out\n\n", v.rows, v.scored, v.others);
  text += group_table(v, left_out, width) + all_table(v, left_out, width) + held_out_table(v, width);
  for (const SkippedCollectives& s : v.skipped) text += fmt::format("skipped: {:>5}  {}\n", s.n, s.reason);
  return text;
}

std::string to_text(const CollectiveFitting& fitting, int width) {
  Table table({{"generation", Align::left},
               {"collective", Align::left},
               {"library or network", Align::left},
               {"n"},
               {"in sample"},
               {"left out"}});
  const auto row = [&](const CollectiveCalibration& c, std::string_view kind, const std::string& whose,
                       const auto& fit) {
    const auto pair = [](const FitError& e) { return fmt::format("{:.1f} / {:.1f} %", 100 * e.median, 100 * e.p90); };
    table.row({std::string(to_string(c.generation)), std::string(kind), whose, std::to_string(fit.samples),
               pair(fit.in_sample), pair(fit.left_out)});
  };
  for (const CollectiveCalibration& c : fitting.calibrations) {
    for (const NodeCalibration& n : c.node) row(c, to_string(n.kind), n.library, n.fit);
    for (const CustomCalibration& n : c.custom) row(c, "custom all-reduce", n.library, n.fit);
    for (const NetworkCalibration& n : c.networks)
      row(c, to_string(n.kind), fmt::format("{} ranks, {} nodes, {}", n.ranks, n.nodes, n.link), n.fit);
  }
  std::string text =
      table.text(width) +
      "\nErrors (median / p90) are |predicted / measured - 1|; left out: of sizes that the fit did not see.\n";
  for (const std::string& what : fitting.not_fitted) text += fmt::format("not fitted: {}\n", what);
  return text;
}

}  // namespace forerun

#include "costmodel/collectives/collective_calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/fields/kind.hpp"
#include "base/files/embedded.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace forerun {
namespace {

constexpr std::array<std::string_view, 5> generation_names{"volta", "ampere", "hopper", "blackwell", "host"};
const std::vector<std::string> kind_names{"all_reduce", "all_gather", "reduce_scatter",
                                          "all_to_all", "broadcast",  "send"};

// With the ranges that files of hardware have: times that are computed from it fit the simulator's clock.
template <class Q>
Q read_within(const fields::Kind<Q>& kind, const YamlNode& node) {
  Q value{};
  kind.read(value, node);
  return value;
}

template <class Form>
Form read_form(const YamlNode& node) {
  MapReader map = node.map();
  Form form;
  for (const FormField<Form>& field : fields_of<Form>()) {
    const auto given = map.optional(std::string(field.name));
    if (given)
      form.*field.member = field.unit == FieldUnit::microseconds
                               ? read_within(fields::quantity<Seconds>(), *given).value()
                               : given->number(0, 1e12);
  }
  map.finish();
  return form;
}

NetworkForm read_network_form(const YamlNode& node) {
  MapReader map = node.map();
  const NetworkForm form{read_within(fields::quantity<Seconds>(), map.required("latency")).value(),
                         map.required("share").number(0.001, 10), map.required("pipelining").number(0, 100)};
  map.finish();
  return form;
}

CollectiveSpread read_spread(const YamlNode& node) {
  CollectiveSpread spread;
  const std::vector<YamlNode> items = node.items();
  if (items.size() != spread.of.size()) {
    node.report(fmt::format("{} spreads, not {}", items.size(), spread.of.size()),
                "write one below 30 us, one below 300 us, one above");
    return spread;
  }
  for (std::size_t i = 0; i < items.size(); ++i) spread.of[i] = items[i].number(0, 10);
  return spread;
}

// What all fits have; the rest of the map is read by the caller, before and after.
template <class Calibration>
void read_common(MapReader& map, Calibration& c) {
  c.source = map.required("source").text();
  c.date = map.required("date").text();
  c.fit.samples = static_cast<std::size_t>(map.required("samples").integer(1, 1000000000));
  c.fit.in_sample = map.optional("in_sample", read_fit_error).value_or(FitError{});
  c.fit.left_out = read_fit_error(map.required("left_out"));
  c.fit.spread = read_spread(map.required("spread"));
}

CollectiveKind read_kind(MapReader& map) {
  return static_cast<CollectiveKind>(map.required("kind").one_of(kind_names));
}

NodeCalibration read_node(const YamlNode& node, BytesPerSecond port) {
  MapReader map = node.map();
  NodeCalibration c;
  c.port = port;
  c.kind = read_kind(map);
  c.library = map.required("library").text();
  c.fit.form = read_form<CollectiveForm>(map.required("parameters"));
  read_common(map, c);
  map.finish();
  return c;
}

CustomCalibration read_custom(const YamlNode& node) {
  MapReader map = node.map();
  CustomCalibration c;
  c.library = map.required("library").text();
  c.fit.form = read_form<CustomForm>(map.required("parameters"));
  read_common(map, c);
  map.finish();
  return c;
}

NetworkCalibration read_network(const YamlNode& node) {
  MapReader map = node.map();
  NetworkCalibration c;
  c.link = map.required("link").text();
  c.kind = read_kind(map);
  c.ranks = static_cast<int>(map.required("ranks").integer(2, 1000000));
  c.nodes = static_cast<int>(map.required("nodes").integer(2, 1000000));
  c.cluster = map.optional("cluster", [](const YamlNode& n) { return n.text(); }).value_or("");
  c.rate = map.optional("rate", [](const YamlNode& n) { return read_within(fields::positive<BytesPerSecond>(), n); })
               .value_or(BytesPerSecond{});
  c.fit.form = read_network_form(map.required("parameters"));
  read_common(map, c);
  map.finish();
  return c;
}

template <class T, class Read>
void read_list(MapReader& map, const char* key, std::vector<T>& into, Read read) {
  const auto node = map.optional(key);
  if (!node) return;
  for (const YamlNode& item : node->items()) into.push_back(read(item));
}

template <class Form>
std::string form_text(const Form& form) {
  std::string text;
  for (const FormField<Form>& field : fields_of<Form>()) {
    const double value = form.*field.member;
    if (value == 0) continue;
    if (!text.empty()) text += ", ";
    text += field.unit == FieldUnit::microseconds ? fmt::format("{}: {:.4g} us", field.name, value * 1e6)
                                                  : fmt::format("{}: {:.{}g}", field.name, value, value < 1e4 ? 4 : 12);
  }
  return "{" + text + "}";
}

std::string form_text(const NetworkForm& form) {
  return fmt::format("{{latency: {:.4g} us, share: {:.4g}, pipelining: {:.4g}}}", form.latency * 1e6, form.share,
                     form.pipelining);
}

template <class Calibration>
std::string entry_text(const std::string& head, const Calibration& c) {
  const auto& fit = c.fit;
  return fmt::format("  - {}\n    source: {}\n    date: {}\n    samples: {}\n    parameters: {}\n", head,
                     yaml_text(c.source), yaml_text(c.date), fit.samples, form_text(fit.form)) +
         (fit.in_sample == FitError{} ? "" : fmt::format("    in_sample: {}\n", to_yaml(fit.in_sample))) +
         fmt::format("    left_out: {}\n    spread: [{:.3f}, {:.3f}, {:.3f}]\n", to_yaml(fit.left_out),
                     fit.spread.of[0], fit.spread.of[1], fit.spread.of[2]);
}

}  // namespace

std::string_view to_string(NcclGeneration generation) { return generation_names[static_cast<std::size_t>(generation)]; }

std::optional<NcclGeneration> generation_named(std::string_view name) {
  for (std::size_t i = 0; i < generation_names.size(); ++i) {
    if (generation_names[i] == name) return static_cast<NcclGeneration>(i);
  }
  return std::nullopt;
}

CollectiveCalibration read_collective_calibration(const YamlNode& node) {
  MapReader map = node.map();
  CollectiveCalibration c;
  c.generation = static_cast<NcclGeneration>(
      map.required("generation").one_of({generation_names.begin(), generation_names.end()}));
  c.port = read_within(fields::positive<BytesPerSecond>(), map.required("port"));
  read_list(map, "node", c.node, [&](const YamlNode& item) { return read_node(item, c.port); });
  read_list(map, "custom", c.custom, read_custom);
  read_list(map, "networks", c.networks, read_network);
  map.finish();
  return c;
}

std::string to_yaml(const CollectiveCalibration& c) {
  std::string text = fmt::format("generation: {}\nport: {}\n", to_string(c.generation), to_yaml(c.port));
  if (!c.node.empty()) text += "node:\n";
  for (const NodeCalibration& n : c.node)
    text += entry_text(fmt::format("kind: {}\n    library: {}", to_string(n.kind), yaml_text(n.library)), n);
  if (!c.custom.empty()) text += "custom:\n";
  for (const CustomCalibration& n : c.custom) text += entry_text(fmt::format("library: {}", yaml_text(n.library)), n);
  if (!c.networks.empty()) text += "networks:\n";
  for (const NetworkCalibration& n : c.networks) {
    std::string head = fmt::format("link: {}\n    kind: {}\n    ranks: {}\n    nodes: {}", yaml_text(n.link),
                                   to_string(n.kind), n.ranks, n.nodes);
    if (!n.cluster.empty()) head += "\n    cluster: " + yaml_text(n.cluster);
    if (n.rate > BytesPerSecond{}) head += "\n    rate: " + to_yaml(n.rate);
    text += entry_text(head, n);
  }
  return text;
}

Result<CollectiveCalibration> find_collective_calibration(NcclGeneration generation) {
  const std::string wanted = fmt::format("costmodel/data/collectives/{}.yaml", to_string(generation));
  for (const EmbeddedFile& file : embedded_costmodel()) {
    if (file.path != wanted) continue;
    Result<YamlDocument> document = YamlDocument::parse(std::string(file.text), std::string(file.path));
    if (!document) return fail(document.error());
    CollectiveCalibration c = read_collective_calibration(document->root());
    if (!document->problems().empty()) return fail(document->problems());
    return c;
  }
  return CollectiveCalibration{.generation = generation, .port = {}, .node = {}, .custom = {}, .networks = {}};
}

CollectiveCalibration merged(const CollectiveCalibration& below, const CollectiveCalibration& over) {
  CollectiveCalibration all = over;
  const auto has = [](const auto& list, auto same) { return std::any_of(list.begin(), list.end(), same); };
  for (const NodeCalibration& n : below.node) {
    if (!has(over.node, [&](const NodeCalibration& o) { return o.kind == n.kind; })) all.node.push_back(n);
  }
  if (over.custom.empty()) all.custom = below.custom;
  for (const NetworkCalibration& n : below.networks) {
    if (!has(over.networks, [&](const NetworkCalibration& o) { return o.link == n.link; })) all.networks.push_back(n);
  }
  return all;
}

std::vector<NetworkCalibration> networks_of(const CollectiveCalibration& c, const Cluster& cluster) {
  const auto names_it = [&](const std::string& name) {
    const auto same = [&](const std::string& own) { return lower(own) == lower(name); };
    return same(cluster.name) || std::any_of(cluster.aliases.begin(), cluster.aliases.end(), same);
  };
  std::vector<NetworkCalibration> list;
  for (const NetworkCalibration& n : c.networks) {
    if (!n.cluster.empty() && names_it(n.cluster)) list.push_back(n);
  }
  return list;
}

void only_library(CollectiveCalibration& c, std::string_view library) {
  std::erase_if(c.node, [&](const NodeCalibration& n) { return n.library != library; });
}

bool is_for_steps(const CollectiveCalibration& c, const NodeCalibration& n) {
  const NodeCalibration* nccl = find_fit(c, n.kind, "nccl");
  if (nccl != nullptr) return nccl == &n;
  return &n == &*std::find_if(c.node.begin(), c.node.end(), [&](const NodeCalibration& o) { return o.kind == n.kind; });
}

const NodeCalibration* find_fit(const CollectiveCalibration& c, CollectiveKind kind, std::string_view library) {
  for (const NodeCalibration& n : c.node) {
    if (n.kind == kind && n.library == library) return &n;
  }
  return nullptr;
}

}  // namespace forerun

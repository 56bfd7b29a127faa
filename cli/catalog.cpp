#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include <iostream>

#include "base/table.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/common.hpp"
#include "costmodel/stacks/stack_fields.hpp"
#include "costmodel/stacks/stack_parameters.hpp"
#include "hardware/catalog.hpp"
#include "hardware/cluster_fields.hpp"
#include "hardware/device_fields.hpp"
#include "hardware/topology.hpp"
#include "reports/key_report.hpp"
#include "reports/value_json.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string kind, name;
  bool json = false;
};

template <class T>
struct Listing {
  std::vector<T> entries;
  Problems problems;
};

// One entry by name or path, or all of them.
template <class T, class Names, class Find>
Listing<T> load(const std::string& name, Names names, Find find) {
  Listing<T> listing;
  for (const std::string& each : name.empty() ? names() : std::vector<std::string>{name}) {
    Result<T> found = find(each);
    if (found) {
      listing.entries.push_back(*std::move(found));
    } else {
      listing.problems.insert(listing.problems.end(), found.error().begin(), found.error().end());
    }
  }
  return listing;
}

template <class T, class ToJson>
int show(const Listing<T>& listing, const Options& o, Table table, ToJson to_json_entry, void (*row)(Table&, const T&),
         std::string (*details)(const T&)) {
  if (!listing.problems.empty()) return refuse(listing.problems);
  if (o.json) {
    Json all = Json::array();
    for (const T& entry : listing.entries) all.push_back(to_json_entry(entry));
    std::cout << all.dump(2) << "\n";
    return answered;
  }
  if (!o.name.empty()) {
    fmt::print("{}", details(listing.entries.front()));
    return answered;
  }
  for (const T& entry : listing.entries) row(table, entry);
  fmt::print("{}", table.text(terminal_width()));
  return answered;
}

// --- models ------------------------------------------------------------------------------------------------------

double deviation(const Model& m) { return static_cast<double>(parameter_count(m)) / m.published->parameters - 1; }

Json model_json(const Model& m) {
  Json json = {{"name", m.name},
               {"aliases", m.aliases},
               {"layers", m.blocks.size()},
               {"hidden", m.hidden},
               {"vocab", m.vocab},
               {"computed_parameters", parameter_count(m)},
               {"active_parameters", active_parameter_count(m)}};
  json["published_parameters"] = m.published ? Json(m.published->parameters) : Json();
  json["published_exactly"] = m.published ? Json(m.published->uncertainty == 0) : Json();
  json["published_uncertainty"] = m.published ? Json(m.published->uncertainty) : Json();
  json["source"] = m.source;
  return json;
}

void model_row(Table& table, const Model& m) {
  const std::int64_t all = parameter_count(m), active = active_parameter_count(m);
  table.row({m.name, fmt::format("{}", m.blocks.size()), fmt::format("{}", m.hidden), fmt::format("{}", m.vocab),
             format_count(static_cast<double>(all)), active == all ? "" : format_count(static_cast<double>(active)),
             m.published ? format_count(m.published->parameters) : "",
             m.published ? fmt::format("{:+.3f} %", 100 * deviation(m)) : "",
             m.published ? (m.published->uncertainty == 0 ? "exact" : "printed") : ""});
}

std::string model_details(const Model& m) {
  std::string text = fmt::format("# {} parameters computed", parameter_count(m));
  if (m.published) {
    text += fmt::format(", {:.0f} published ({}; {})", m.published->parameters,
                        m.published->uncertainty == 0 ? "exact" : fmt::format("+-{:.0f}", m.published->uncertainty),
                        m.published->source);
  }
  return text + "\n" + to_yaml(m);
}

// --- devices -----------------------------------------------------------------------------------------------------

Json device_json(const Device& d) {
  Json peaks = Json::object();
  for (const auto& [dtype, rate] : d.peak) peaks[std::string(to_string(dtype))] = rate.value();
  return {{"name", d.name},
          {"aliases", d.aliases},
          {"vendor", d.vendor},
          {"family", d.family},
          {"dense_peak_flops", peaks},
          {"memory_bytes", d.memory.capacity.value()},
          {"memory_bandwidth", d.memory.bandwidth.value()},
          {"l2_bytes", d.l2.value()},
          {"sms", d.sms},
          {"power_w", d.power.value()},
          {"price_usd_per_h", d.price ? Json(d.price->value() * 3600) : Json()},
          {"cluster", d.default_cluster},
          {"file", to_json(device_fields().write(d))}};
}

void device_row(Table& table, const Device& d) {
  table.row({d.name, d.family, format(peak(d, DType::bf16)),
             d.peak.contains(DType::fp8) ? format(d.peak.at(DType::fp8)) : "", format(d.memory.capacity),
             format(d.memory.bandwidth), format(d.power), d.price ? format(*d.price) : "", d.default_cluster});
}

// --- clusters ----------------------------------------------------------------------------------------------------

Json cluster_json(const Cluster& c) {
  Json groups = Json::array();
  for (const NodeGroup& g : c.nodes) {
    groups.push_back({{"device", g.node.device.name},
                      {"devices", g.node.devices},
                      {"fabric_bandwidth", g.node.fabric.link.bandwidth.value()},
                      {"nics", g.node.nics},
                      {"nic_bandwidth", g.node.nic.bandwidth.value()},
                      {"count", g.count}});
  }
  return {{"name", c.name},
          {"aliases", c.aliases},
          {"nodes", groups},
          {"max_gpus", c.max_gpus},
          {"file", to_json(cluster_fields().write(c))}};
}

void cluster_row(Table& table, const Cluster& c) {
  for (const NodeGroup& g : c.nodes) {
    table.row({c.name, fmt::format("{}", g.node.devices), g.node.device.name, format(g.node.fabric.link.bandwidth),
               g.node.nics > 0 ? fmt::format("{} x {}", g.node.nics, format(g.node.nic.bandwidth)) : "none",
               c.max_gpus > 0 ? fmt::format("{}", c.max_gpus) : ""});
  }
}

// --- stacks ------------------------------------------------------------------------------------------------------

Json stack_json(const StackFile& file) {
  const Stack s = fitted(file);
  const StateBytes state = state_bytes(s.precision, Job{});
  return {{"name", s.name},
          {"aliases", s.aliases},
          {"source", s.source},
          {"zero", s.zero},
          {"sequence_parallel", s.sequence_parallel},
          {"bytes_per_parameter", (state.parameter + state.gradient + state.optimizer).value()},
          {"allocator_reserve", s.allocator_reserve},
          {"host_per_kernel_s", s.host_per_kernel.value()},
          {"host_per_step_s", s.host_per_step.value()},
          {"file", to_json(stack_fields().write(file.stated))}};
}

void stack_row(Table& table, const StackFile& file) {
  const Stack s = fitted(file);
  const StateBytes state = state_bytes(s.precision, Job{});
  table.row({s.name, fmt::format("{:.0f}", (state.parameter + state.gradient + state.optimizer).value()),
             fmt::format("{}", s.zero), std::string(to_string(s.attention)), format(s.host_per_kernel),
             format(s.host_per_step), s.source});
}

std::string stack_details(const StackFile& file) { return to_yaml(file); }

// --- keys of files -----------------------------------------------------------------------------------------------

int show_keys(const Options& o) {
  std::vector<std::string> names;
  for (const KeyTable& table : key_tables()) names.push_back(table.name);
  if (!o.name.empty() && std::find(names.begin(), names.end(), o.name) == names.end())
    return refuse({{{}, fmt::format("there is no table of keys {}", quoted(o.name)), suggestion(o.name, names)}});
  Json all = Json::object();
  std::string text;
  for (const KeyTable& table : key_tables()) {
    if (!o.name.empty() && table.name != o.name) continue;
    all[table.name] = to_json(table);
    text += (text.empty() ? "" : "\n") + text_of(table, terminal_width());
  }
  fmt::print("{}", o.json ? all.dump(2) + "\n" : text);
  return answered;
}

int run(const Options& o) {
  const std::vector<std::string> kinds{"models", "gpus", "clusters", "stacks", "keys"};
  if (std::find(kinds.begin(), kinds.end(), o.kind) == kinds.end()) {
    return refuse({{{}, fmt::format("there is no catalogue of {}", quoted(o.kind)), suggestion(o.kind, kinds)}});
  }
  if (o.kind == "keys") return show_keys(o);
  if (o.kind == "models") {
    const Table table({{"model", Align::left},
                       {"layers"},
                       {"hidden", Align::right, 2},
                       {"vocab", Align::right, 3},
                       {"parameters"},
                       {"active", Align::right, 1},
                       {"published"},
                       {"deviation"},
                       {"count is", Align::left, 2}});
    return show(load<Model>(o.name, model_names, find_model), o, table, model_json, model_row, model_details);
  }
  if (o.kind == "gpus") {
    const Table table({{"device", Align::left},
                       {"family", Align::left, 3},
                       {"bf16 dense"},
                       {"fp8 dense", Align::right, 2},
                       {"memory"},
                       {"bandwidth"},
                       {"power", Align::right, 4},
                       {"price", Align::right, 2},
                       {"cluster", Align::left, 5}});
    return show<Device>(load<Device>(o.name, device_names, find_device), o, table, device_json, device_row,
                        [](const Device& d) { return to_yaml(d); });
  }
  if (o.kind == "clusters") {
    const Table table({{"cluster", Align::left},
                       {"a node"},
                       {"of", Align::left},
                       {"fabric"},
                       {"network ports", Align::left},
                       {"at most", Align::right, 1}});
    return show<Cluster>(load<Cluster>(o.name, cluster_names, find_cluster), o, table, cluster_json, cluster_row,
                         [](const Cluster& c) { return to_yaml(c); });
  }
  const Table table({{"software", Align::left},
                     {"B/parameter"},
                     {"ZeRO"},
                     {"attention", Align::left},
                     {"a kernel", Align::right, 2},
                     {"a step", Align::right, 2},
                     {"source", Align::left, 3}});
  return show(load<StackFile>(o.name, stack_names, find_stack_file), o, table, stack_json, stack_row, stack_details);
}

}  // namespace

void add_catalog(CLI::App& app, int& code) {
  CLI::App* verb =
      app.add_subcommand("catalog", "Models, devices, clusters and software that forerun knows, or a file of yours");
  auto o = std::make_shared<Options>();
  verb->add_option("kind", o->kind, "models, gpus, clusters or stacks; keys: what files may say")
      ->required()
      ->type_name("KIND");
  verb->add_option("name", o->name,
                   "one of them: a name, a YAML file, or a Hugging Face config.json; of keys: plan, job, stack, ...")
      ->type_name("NAME|FILE");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer(
      "Examples:\n  forerun catalog models\n  forerun catalog gpus h100-sxm-80gb\n  forerun catalog models config.json "
      "--json");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

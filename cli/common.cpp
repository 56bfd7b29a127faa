#include "cli/common.hpp"

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdio>

#include "base/table.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "costmodel/own_calibrations.hpp"
#include "costmodel/parameters.hpp"

namespace forerun::cli {
namespace {

std::string own_sources(const PricedScenario& s) {
  std::string text;
  for (const CalibrationFile& file : s.own->files)
    text += fmt::format("Own calibration {}: {}.\n", file.subject.file, join(contents(file, s.given.cluster), ", "));
  return text;
}

}  // namespace

int refuse(const Problems& problems) {
  constexpr std::size_t most = 50;  // a wrong file can have millions
  const std::size_t shown = std::min(most, problems.size());
  fmt::print(stderr, "{}",
             to_string(Problems(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(shown))));
  if (shown < problems.size()) fmt::print(stderr, "and {} more\n", problems.size() - shown);
  return to_fix;
}

std::string counted(std::size_t n, std::string_view noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

std::string headline(const Scenario& s) {
  return fmt::format("{} ({} parameters), {}, sequence {}, global batch {}, {}\n{}: {} x {}, software {}\n",
                     s.model.name, format_count(static_cast<double>(parameter_count(s.model))), to_string(s.job.kind),
                     s.job.sequence, s.job.global_batch, to_string(s.job.dtype), s.cluster.name, s.gpus,
                     node_of(s.cluster).device.name, s.stack.name);
}

std::string band(const Timing& t) {
  // "14.7 s (13.1 to 16.5)": the median's unit serves its band, except where an end needs another: "938 ms (763 ms
  // to 1.15 s)".
  const std::string median = format(t.median), low = format(t.low()), high = format(t.high());
  const auto number = [](const std::string& text) { return text.substr(0, text.find(' ')); };
  const auto unit = [](const std::string& text) { return text.substr(text.find(' ')); };
  const bool one_unit = unit(low) == unit(median) && unit(high) == unit(median);
  return one_unit ? fmt::format("{} ({} to {})", median, number(low), number(high))
                  : fmt::format("{} ({} to {})", median, low, high);
}

std::string breakdown_table(const Estimate& e) {
  return breakdown_table(e.breakdown, e.step.median,
                         fmt::format("80 % band {} to {}", format(e.step.low()), format(e.step.high())));
}

std::string breakdown_table(const Breakdown& b, Seconds step, const std::string& note) {
  Table table({{"time", Align::left}, {"waited for"}, {"share"}, {"hidden", Align::right}, {"what", Align::left, 1}});
  const auto add = [&](const std::string& name, Seconds exposed, Seconds hidden, const std::string& what) {
    if (exposed + hidden == Seconds{0}) return;
    table.row({name, format(exposed), format_percent(exposed / step), hidden > Seconds{0} ? format(hidden) : "", what});
  };
  add("compute", b.compute, Seconds{0}, "forward and backward kernels");
  add("recompute", b.recompute, Seconds{0}, "forward kernels run again");
  static constexpr std::array<const char*, 5> what{"sums and gathers inside layers", "keys and values of other ranks",
                                                   "tokens to and from experts", "gradients and parameters of replicas",
                                                   "activations between stages"};
  for (const Dimension d : all_dimensions) {
    add(fmt::format("{} communication", to_string(d)), b.exposed_in(d), b.hidden_in(d),
        what[static_cast<std::size_t>(d)]);
  }
  add("bubble", b.bubble, Seconds{0}, "waiting for other stages");
  add("optimizer", b.optimizer, Seconds{0}, "update of this device's share");
  add("offload", b.offload, Seconds{0}, "copies to and from the host");
  add("host", b.host, Seconds{0}, "framework floor of a step");
  table.rule();
  table.row({"step", format(step), "100.0 %", "", note});
  return table.text(terminal_width());
}

std::string memory_table(const MemoryUse& m, int width) {
  Table table({{"memory", Align::left}, {fmt::format("stage {}", m.peak_stage)}, {"share"}});
  const auto add = [&](const char* name, Bytes bytes) {
    if (bytes > Bytes{0}) table.row({name, format(bytes), format_percent(bytes / m.capacity)});
  };
  const StageMemory& p = m.peak();
  add("parameters", p.parameters);
  add("gradients", p.gradients);
  add("optimizer states", p.optimizer);
  add("activations", p.activations);
  add("gathered parameters", p.gathered);
  add("transient", p.transient);
  add("communication buffers", p.communication);
  add("workspace", p.workspace);
  table.rule();
  add("allocated", p.allocated());
  add("allocator reserve", m.reserve);
  add("context and communicators", m.context);
  table.rule();
  table.row({"total", format(m.total()), format_percent(m.total() / m.capacity)});
  table.row({"capacity", format(m.capacity), ""});
  return table.text(width);
}

std::string traffic_table(const Traffic& traffic) {
  Table table({{"bytes a step", Align::left}, {"API"}, {"wire"}});
  bool any = false;
  for (std::size_t f = 0; f < flow_count; ++f) {
    const auto flow = static_cast<Flow>(f);
    if (traffic[flow].api == Bytes{0}) continue;
    any = true;
    table.row({fmt::format("{} {}", to_string(dimension_of(flow)), name_of(flow)), format(traffic[flow].api),
               format(traffic[flow].wire)});
  }
  return any ? table.text(terminal_width()) : "";
}

std::string sources(const PricedScenario& s) {
  const bool fitted = s.parameters->evidence >= Evidence::fitted;
  const std::string kernels =
      fitted ? fmt::format("products and attention fitted to measurements of {}, the rest by ", s.device().name) : "";
  return own_sources(s) + fmt::format(
                              "Times: {} rung: {}family '{}' ({}); 80 % bands of steps {}.\n"
                              "MFU counts attention over the full square, as Narayanan et al. 2021 do, against the "
                              "dense {} peak. Software figures: {} ({}).\n",
                              to_string(s.parameters->evidence), kernels, s.parameters->family, s.parameters->source,
                              s.given.stack.spread ? "from runs of this software that its fit did not see"
                                                   : "from kernels alone, not checked against runs of this software",
                              to_string(s.given.job.dtype), s.given.stack.name, s.given.stack.source);
}

void add_calibrations(CLI::App& verb, std::vector<std::string>& files) {
  verb.add_option("--calibration", files,
                  "fits of your own (forerun fit) over the shipped ones; may be given several times")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->take_all();
}

int does_not_fit(const Plan& plan, const MemoryUse& memory, const std::vector<Change>& would_fit) {
  fmt::print(stderr, "does not fit: short by {} at stage {}; {} bind\n", format(-memory.headroom()), memory.peak_stage,
             binding_category(memory));
  for (const Change& change : would_fit)
    fmt::print(stderr, "  would fit: {} ({})\n", change.what, format(change.total));
  if (would_fit.empty()) {
    fmt::print(
        stderr,
        "  no recompute, ZeRO level or micro-batch is enough; forerun plan looks for another split of the {} devices\n",
        gpus(plan));
  }
  return nothing_fits;
}

}  // namespace forerun::cli

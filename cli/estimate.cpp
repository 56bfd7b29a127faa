#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include <iostream>

#include "base/table.hpp"
#include "base/units.hpp"
#include "cli/common.hpp"
#include "costmodel/own_calibrations.hpp"
#include "reports/report.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/search/advice.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> calibrations;
  bool json = false;
};

void print(const PricedScenario& scenario, const Plan& plan, const Estimate& e) {
  fmt::print("{}plan: {}\n\n", headline(scenario.given), summary(plan));
  fmt::print("step {}, {} tokens/s, MFU {}{}\n", band(e.step), format_count(e.tokens_per_second), format_percent(e.mfu),
             e.breakdown.recompute > Seconds{0} ? fmt::format(", HFU {}", format_percent(e.hfu)) : "");
  fmt::print("energy {} a step{}\n\n", format(e.energy),
             e.cost ? fmt::format(", cost {} a step", format(*e.cost)) : "");
  fmt::print("{}\n{}\n{}\n", breakdown_table(e), memory_table(e.memory, terminal_width()), traffic_table(e.traffic));
  fmt::print("{}", sources(scenario));
}

int run(const Options& options) {
  const Result<PlanFile> file = read_plan_file(options.file);
  const Result<OwnCalibrations> own = load_calibrations(options.calibrations);
  if (!file || !own) return refuse(problems_of(file, own));
  Result<PricedScenario> scenario = price(file->scenario, *own);
  if (!scenario) return refuse(scenario.error());
  const Estimate e = estimate(*scenario, file->plan);
  const std::vector<Change> changes =
      e.memory.fits() ? std::vector<Change>{} : adjust(ClosedFormContext(*scenario), file->plan);
  if (options.json) {
    nlohmann::ordered_json json = to_json(scenario->given);
    json["plan"] = to_json(file->plan);
    json.update(to_json(e));
    if (!scenario->own->empty()) json["calibrations"] = to_json(*scenario->own, scenario->given.cluster);
    if (!e.memory.fits()) {
      json["binding"] = binding_category(e.memory);
      json["would_fit"] = to_json(changes);
    }
    std::cout << json.dump(2) << "\n";
  } else {
    print(*scenario, file->plan, e);
  }
  return e.memory.fits() ? answered : does_not_fit(file->plan, e.memory, changes);
}

}  // namespace

void add_estimate(CLI::App& app, int& code) {
  CLI::App* verb = app.add_subcommand("estimate", "Price one plan in closed form: time, memory, bytes, energy, cost");
  auto options = std::make_shared<Options>();
  verb->add_option("plan", options->file, "plan.yaml, as 'forerun plan --save' writes it")
      ->required()
      ->type_name("FILE");
  add_calibrations(*verb, options->calibrations);
  verb->add_flag("--json", options->json, "the same fields for programs");
  verb->footer(
      "Examples:\n  forerun estimate plan.yaml\n  forerun estimate examples/course/dp.yaml --json\n"
      "  forerun estimate plan.yaml --calibration mine.yaml");
  verb->callback([options, &code] { code = run(*options); });
}

}  // namespace forerun::cli

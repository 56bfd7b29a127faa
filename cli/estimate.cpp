#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>

#include "cli/common.hpp"
#include "costmodel/own_calibrations.hpp"
#include "reports/estimate_report.hpp"
#include "reports/memory_report.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/plan/plan_file.hpp"
#include "strategies/search/advice.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> calibrations;
  bool json = false;
};

int run(const Options& options) {
  const Result<PlanFile> file = read_plan_file(options.file);
  const Result<OwnCalibrations> own = load_calibrations(options.calibrations);
  if (!file || !own) return refuse(problems_of(file, own));
  Result<PricedScenario> scenario = price(file->scenario, *own);
  if (!scenario) return refuse(scenario.error());
  const Estimate e = estimate(*scenario, file->plan);
  const bool fits = e.memory.fits();
  const EstimateAnswer answer{*scenario, file->plan, e,
                              fits ? std::vector<Change>{} : adjust(ClosedFormContext(*scenario), file->plan)};
  print_answer(answer, options.json);
  if (fits) return answered;
  say(no_fit_text(file->plan, e.memory, answer.would_fit));
  return nothing_fits;
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

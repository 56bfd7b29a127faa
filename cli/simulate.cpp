#include <fmt/format.h>
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdlib>
#include <memory>

#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/disturbance_flags.hpp"
#include "cli/progress.hpp"
#include "costmodel/own_calibrations.hpp"
#include "reports/memory_report.hpp"
#include "reports/simulation/simulation_report.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/plan/plan_file.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/programs/program_text.hpp"
#include "strategies/search/simulated_ranking.hpp"
#include "strategies/simulation/simulation_trace.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> calibrations;
  std::optional<std::string> trace;
  bool every_rank = false, json = false, program = false;
  Disturbances disturbances;
  Problems problems;  // of the flags' values
};

// All that is wrong with the flags and the file at once.
Result<PricedScenario> read(const Options& o, Plan& plan) {
  Problems problems = o.problems;
  const auto collect = [&](const Problems& more) { problems.insert(problems.end(), more.begin(), more.end()); };
  if (o.trace) collect(output_problems(*o.trace));
  Result<PlanFile> file = read_plan_file(o.file);
  collect(file ? rank_problems(o.disturbances, gpus(file->plan)) : file.error());
  const Result<OwnCalibrations> own = load_calibrations(o.calibrations);
  if (!own) collect(own.error());
  if (!problems.empty()) return fail(std::move(problems));
  plan = file->plan;
  return price(file->scenario, *own);
}

// What is too large to simulate in reasonable time and memory.
Problems size_problems(const PricedScenario& scenario, const Plan& plan, const Options& o, bool every_rank) {
  const std::size_t folded = instructions_run(lower(scenario, plan)),
                    count = every_rank ? instructions_run(lower(scenario, plan, {.every_rank = true, .different = {}}))
                                       : folded;
  if (count <= simulation_limit) return {};
  const bool noise = o.disturbances.jitter > 0;
  const std::string hint =
      !every_rank                 ? "a smaller global batch, or a larger micro-batch, has fewer passes"
      : folded > simulation_limit ? "even one rank of each kind is too large: make the global batch smaller"
      : noise ? "--jitter needs every rank, because ranks that are simulated as one would share their noise; leave it "
                "out, or use a smaller plan"
              : "leave out --every-rank: ranks that do the same at the same time are simulated as one";
  return {{{}, fmt::format("this would be a simulation of {} tasks; {} are the most", count, simulation_limit), hint}};
}

int print_simulation(const Options& o, const PricedScenario& scenario, const Plan& plan, const Simulation& s) {
  const Estimate e = estimate(scenario, plan);
  const bool fits = s.memory.fits();
  const SimulationAnswer answer{scenario, e, s, o.disturbances,
                                fits ? std::vector<Change>{} : adjust(ClosedFormContext(scenario), plan)};
  const bool colours = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  print(o.json ? json_text(answer) : to_text(answer, terminal_width(), colours));
  if (fits) return answered;
  fmt::print(stderr, "{}", no_fit_text(plan, s.memory, answer.would_fit));
  return nothing_fits;
}

int run(const Options& o) {
  Plan plan;
  const Result<PricedScenario> scenario = read(o, plan);
  if (!scenario) return refuse(scenario.error());
  if (o.program) {
    print(program_text(lower(*scenario, plan)));
    return answered;
  }
  const bool every_rank = o.every_rank || o.disturbances.jitter > 0;
  if (const Problems problems = size_problems(*scenario, plan, o, every_rank); !problems.empty())
    return refuse(problems);
  std::optional<Simulation> simulation;
  Problems problems;
  {
    const ElapsedLine progress("simulating");
    simulation = simulate(*scenario, plan,
                          {.every_rank = every_rank, .disturbances = o.disturbances, .detailed = o.trace.has_value()});
    if (o.trace) problems = save_trace(*simulation, *o.trace);
  }
  if (!problems.empty()) return refuse(problems);
  const int code = print_simulation(o, *scenario, plan, *simulation);
  if (o.trace) fmt::print(stderr, "wrote {}: open it at https://ui.perfetto.dev\n", *o.trace);
  return code;
}

}  // namespace

void add_simulate(CLI::App& app, int& code) {
  CLI::App* verb =
      app.add_subcommand("simulate", "Run one plan as discrete events: timeline, breakdown, critical path, memory");
  auto o = std::make_shared<Options>();
  verb->add_option("plan", o->file, "plan.yaml, as 'forerun plan --save' writes it")->required()->type_name("FILE");
  verb->add_flag("--every-rank", o->every_rank,
                 "simulate each rank; otherwise one of those that do the same at the same time");
  verb->add_flag("--program", o->program, "print what each stage does, instruction by instruction, instead");
  add_calibrations(*verb, o->calibrations);
  add_disturbances(*verb, o->disturbances, o->problems);
  verb->add_option("--trace", o->trace, "write the timeline for https://ui.perfetto.dev")->type_name("FILE");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer(
      "Examples:\n  forerun simulate plan.yaml --trace step.json\n  forerun simulate plan.yaml --straggler 3=1.3\n"
      "  forerun simulate plan.yaml --jitter 0.05 --seed 7\n  forerun simulate plan.yaml --fail 12@2.5s");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

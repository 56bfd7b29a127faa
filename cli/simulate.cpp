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
#include "cli/simulation_size.hpp"
#include "costmodel/own_calibrations.hpp"
#include "reports/memory_report.hpp"
#include "reports/simulation/program_report.hpp"
#include "reports/simulation/simulation_report.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/plan/plan_file.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/programs/program_text.hpp"
#include "strategies/simulation/simulation_trace.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> calibrations;
  std::optional<std::string> trace;
  bool all_counters = false;
  bool every_rank = false, json = false, program = false;
  Disturbances disturbances;
  Problems problems;  // of the flags' values
};

// All that is wrong with the flags and the file at once.
Result<PricedScenario> read(const Options& o, Plan& plan) {
  Problems problems = o.problems;
  const auto collect = [&](const Problems& more) { problems.insert(problems.end(), more.begin(), more.end()); };
  if (o.trace) collect(output_problems(*o.trace));
  if (o.program && o.trace)
    collect(
        {{{}, "--program prints what would be simulated, which has no times to trace", "leave one of the two out"}});
  if (o.all_counters && !o.trace) collect({{{}, "--all-counters is of a trace", "add --trace FILE, or leave it out"}});
  Result<PlanFile> file = read_plan_file(o.file);
  collect(file ? rank_problems(o.disturbances, gpus(file->plan)) : file.error());
  const Result<OwnCalibrations> own = load_calibrations(o.calibrations);
  if (!own) collect(own.error());
  if (!problems.empty()) return fail(std::move(problems));
  plan = file->plan;
  return price(file->scenario, *own);
}

constexpr double most_tasks = simulation_limit;

std::string smaller_batch(const SimulationSize& size) {
  const std::int64_t batch = size.largest_batch(most_tasks), micro_batch = size.least_micro_batch(most_tasks);
  if (batch == 0) return "use a smaller plan";
  return fmt::format("write a global_batch of at most {}", batch) +
         (micro_batch > 0 ? fmt::format(", or a micro_batch of {}", micro_batch) : "");
}

// What is too large to simulate in reasonable time and memory; what is large is said.
Problems size_problems(const PricedScenario& scenario, const Plan& plan, const Options& o, bool every_rank) {
  const SimulationSize size(scenario, plan, every_rank);
  if (size.tasks() <= most_tasks) {
    announce("this simulation", size.time(), size.memory(o.trace.has_value()));
    return {};
  }
  const SimulationSize folded = every_rank ? SimulationSize(scenario, plan, false) : size;
  const std::string hint =
      !every_rank                   ? smaller_batch(size)
      : folded.tasks() > most_tasks ? "even one rank of each kind is too large: " + smaller_batch(folded)
      : o.disturbances.jitter > 0
          ? "--jitter needs every rank, because ranks that are simulated as one would share their noise; leave it "
            "out, or use a smaller plan"
          : "leave out --every-rank: ranks that do the same at the same time are simulated as one";
  return {{{},
           fmt::format("this would be a simulation of {:.0f} tasks; {} are the most", size.tasks(), simulation_limit),
           hint}};
}

int print_simulation(const Options& o, const PricedScenario& scenario, const Plan& plan, const Simulation& s) {
  const Estimate e = estimate(scenario, plan);
  const bool fits = s.memory.fits();
  const SimulationAnswer answer{scenario, e, s, o.disturbances,
                                fits ? std::vector<Change>{} : adjust(ClosedFormContext(scenario), plan)};
  const bool colours = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  print(o.json ? json_text(answer) : to_text(answer, terminal_width(), colours));
  if (fits) return answered;
  say(no_fit_text(plan, s.memory, answer.would_fit));
  return nothing_fits;
}

int run(const Options& o) {
  Plan plan;
  const Result<PricedScenario> scenario = read(o, plan);
  if (!scenario) return refuse(scenario.error());
  const bool every_rank = o.every_rank || o.disturbances.jitter > 0;
  if (const Problems problems = size_problems(*scenario, plan, o, every_rank); !problems.empty())
    return refuse(problems);
  if (o.program) {
    const Program program = lower(*scenario, plan);
    print(o.json ? json_text(program) : program_text(program));
    return answered;
  }
  std::optional<Simulation> simulation;
  Problems problems;
  {
    const ElapsedLine progress("simulating");
    simulation = simulate(*scenario, plan,
                          {.every_rank = every_rank, .disturbances = o.disturbances, .detailed = o.trace.has_value()});
    if (o.trace) {
      problems = save_trace(*simulation, *o.trace, o.all_counters ? MemoryCounters::all : MemoryCounters::visible);
    }
  }
  if (!problems.empty()) return refuse(problems);
  if (simulation->timeline.makespan >= clock_end)
    return refuse({{{o.file, 0, 0},
                    "a step of this plan takes longer than the clock of the simulation, which ends after 106 days",
                    "forerun estimate has no clock; or use more devices, faster links or a smaller job"}});
  const int code = print_simulation(o, *scenario, plan, *simulation);
  if (o.trace) say(fmt::format("wrote {}: open it at https://ui.perfetto.dev\n", *o.trace));
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
  verb->add_flag("--all-counters", o->all_counters,
                 "in the trace each change of memory, not only those that a picture shows");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer(
      "Examples:\n  forerun simulate plan.yaml --trace step.json\n  forerun simulate plan.yaml --straggler 3=1.3\n"
      "  forerun simulate plan.yaml --jitter 0.05 --seed 7\n  forerun simulate plan.yaml --fail 12@2.5s");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/execute_tasks.hpp"
#include "cli/mpi_environment.hpp"
#include "cli/progress.hpp"
#include "executor/comparison.hpp"
#include "executor/ranks/measured_trace.hpp"
#include "executor/rounds.hpp"
#include "reports/execution/execution_report.hpp"
#include "reports/execution/executions_report.hpp"
#include "reports/scenario_report.hpp"
#include "runtime/communication/rank_processes.hpp"
#include "strategies/closed_form/closed_form.hpp"

namespace forerun::cli {
namespace {

constexpr const char* started_by_us = "FORERUN_STARTED_BY_MPIRUN";
bool is_process_of_run() { return std::getenv(started_by_us) != nullptr; }

Problems write_trace(const Execution& run, const Program& program, const std::string& path) {
  std::vector<RankRun> ranks;
  for (const RankReport& rank : run.ranks) {
    const StageMemory& held = program_of(program, rank.rank).held;
    ranks.push_back({.rank = rank.rank,
                     .name = fmt::format("rank {}, stage {}", rank.rank, rank.stage),
                     .intervals = rank.intervals,
                     .memory = rank.memory,
                     .held = static_cast<std::int64_t>(held.allocated().value())});
  }
  return save_measured_trace(ranks, path);
}

// Of one plan six steps; of several the first of each run, and one to measure.
RunOptions run_options(const ExecuteOptions& o) {
  RunOptions options{.steps = o.steps > 0   ? o.steps
                              : o.in_turn() ? 2
                                            : 6,
                     .seed = static_cast<std::uint64_t>(o.seed),
                     .routing = o.rows(),
                     .record = o.trace.has_value()};
  if (o.on_gpus()) options.machine = [nccl = o.by_nccl()](Communicator& world) { return on_a_gpu(world, nccl); };
  return options;
}

// Empty where there is nothing to compare.
Result<std::vector<double>> reference_losses(const ExecuteOptions& o, const Task& task, References& references) {
  if (!has_reference(o, task)) return std::vector<double>{};
  ProgressLine progress("one rank, for the losses");
  Result<std::vector<double>> losses =
      references.losses(task.scenario, task.plan, [&](double share) { progress(share); });
  progress.finish();
  return losses;
}

// nullopt: nothing to compare.
std::optional<bool> same_losses(const Task& task, const Execution& run, const std::vector<double>& reference) {
  if (reference.empty()) return std::nullopt;
  bool same = true;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    same &= agrees(task.scenario.given, static_cast<int>(i), run.losses[i], reference[i]);
  }
  return same;
}

int answer_of(bool same) {
  if (!same) say("error: the losses are not those of one rank\n");
  return same ? answered : failed;
}

ExecutedPlan executed(const ExecuteOptions& o, const Task& task, Comparison comparison, std::optional<bool> same) {
  return {.name = task.name,
          .scenario = task.scenario,
          .plan = task.plan,
          .estimate = estimate(task.scenario, task.plan).step,
          .comparison = std::move(comparison),
          .same = same,
          .on_gpus = o.on_gpus()};
}

int print_execution(const ExecuteOptions& o, const Task& task, const Execution& run,
                    const std::vector<double>& reference) {
  const std::optional<bool> same = same_losses(task, run, reference);
  const ExecutedPlan one = executed(o, task, compare(task.prediction, run, processors(o)), same);
  print_answer(ExecutionAnswer{one, run, reference}, o.json);
  if (o.trace) {
    if (const Problems problems = write_trace(run, task.prediction.program, *o.trace); !problems.empty()) {
      return refuse(problems);
    }
    say(fmt::format("wrote {}: open it at https://ui.perfetto.dev\n", *o.trace));
  }
  return answer_of(same.value_or(true));
}

int fail_run(const Problems& problems) {
  refuse(problems);
  return failed;
}

int run_threads(const ExecuteOptions& o, const Task& task) {
  const RunOptions options = run_options(o);
  References references(options);
  const Result<std::vector<double>> reference = reference_losses(o, task, references);
  if (!reference) return fail_run(reference.error());
  ProgressLine progress(fmt::format("{} ranks", task.ranks()));
  const Result<Execution> run = execute(task.scenario, task.prediction.program, options, [&](int step, double) {
    progress(static_cast<double>(step + 1) / options.steps);
  });
  progress.finish();
  return run ? print_execution(o, task, *run, *reference) : fail_run(run.error());
}

// As one of mpirun's processes: rank 0 answers.
int run_as_rank(const ExecuteOptions& o, const Task& task) {
  const RunOptions options = run_options(o);
  int code = answered;
  run_as_process([&](Communicator& world) {
    if (world.size() != task.ranks()) {
      throw std::runtime_error(fmt::format("the plan has {} ranks, mpirun started {}", task.ranks(), world.size()));
    }
    ProgressLine progress(fmt::format("{} ranks", task.ranks()));  // rank 0 alone says how far it is
    const Execution run = execute_as(world, task.scenario, task.prediction.program, options, [&](int step, double) {
      progress(static_cast<double>(step + 1) / options.steps);
    });
    progress.finish();
    if (world.rank() != 0) return;
    References references(options);
    const Result<std::vector<double>> reference = reference_losses(o, task, references);
    code = reference ? print_execution(o, task, run, *reference) : fail_run(reference.error());
  });
  return code;
}

// As this process was given them, without its own name.
std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  words.erase(words.begin());
  return words;
}

// Starts mpirun in place of this process, with as many of it as the plan has ranks.
int start_processes(const Task& task) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  set_mpi_environment(Waiting::gives_way);
  ::setenv(started_by_us, "1", 1);
  std::vector<std::string> words{"mpirun", "--oversubscribe", "-n", std::to_string(task.ranks()), self};
  const std::vector<std::string> given = own_arguments();
  words.insert(words.end(), given.begin(), given.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp("mpirun", pointers.data());
  return refuse({{{}, "mpirun cannot be started", "install openmpi-bin, or use --communicator threads"}});
}

int runs_of(const ExecuteOptions& o) { return o.runs > 0 ? o.runs : 5; }

// Several plans, or one several times: a row each.
int run_all(const ExecuteOptions& o, const std::vector<Task>& tasks) {
  std::vector<std::vector<double>> losses;
  std::vector<Planned> plans;
  References references(run_options(o));
  for (const Task& task : tasks) {
    Result<std::vector<double>> reference = reference_losses(o, task, references);
    if (!reference) return fail_run(reference.error());
    losses.push_back(std::move(*reference));
    plans.push_back({&task.scenario, &task.prediction.program});
  }
  const int runs = runs_of(o);
  ProgressLine progress(fmt::format("{}, {} runs each", counted(tasks.size(), "plan"), runs));
  const Result<std::vector<Rounds>> all =
      execute_in_turn(plans, run_options(o), runs, [&](double share) { progress(share); });
  progress.finish();
  if (!all) return fail_run(all.error());
  std::vector<ExecutedPlan> rows;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const Rounds& one = (*all)[i];
    rows.push_back(executed(o, tasks[i], compare(tasks[i].prediction, one.last, processors(o), one.runs),
                            same_losses(tasks[i], one.last, losses[i])));
  }
  print_answer(rows, o.json);
  return answer_of(std::ranges::all_of(rows, [](const ExecutedPlan& row) { return row.same.value_or(true); }));
}

int run(const ExecuteOptions& o) {
  // Lanes are more than the 8 queues that CUDA makes, and one that waits would stop another.
  if (o.on_gpus()) ::setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  const Result<std::vector<Task>> tasks = read_tasks(o);
  if (!tasks) return refuse(tasks.error());
  if (!is_process_of_run()) {
    if (const Problems problems = memory_problems(o, *tasks); !problems.empty()) {
      refuse(problems);
      return nothing_fits;
    }
  }
  if (!is_process_of_run()) announce_run(o, *tasks, run_options(o).steps, o.in_turn() ? runs_of(o) : 1);
  if (o.in_turn()) return run_all(o, *tasks);
  const Task& task = tasks->front();
  const bool needs_processes = o.communicator == "mpi" || (o.by_nccl() && task.ranks() > 1);
  if (needs_processes) return is_process_of_run() ? run_as_rank(o, task) : start_processes(task);
  return run_threads(o, task);
}

}  // namespace

void add_execute(CLI::App& app, int& code) {
  CLI::App* verb = app.add_subcommand(
      "execute", "Run one plan for real on this machine: loss, time, memory and bytes beside what was predicted");
  auto o = std::make_shared<ExecuteOptions>();
  verb->add_option("plans", o->files, "plan.yaml of stack forerun (examples/execute); of several a row each")
      ->required()
      ->type_name("FILE");
  add_number(*verb, "--steps", o->steps, 1, 1'000'000, o->problems,
             "training steps (default 6; of several plans 2 in each run)");
  add_number(*verb, "--runs", o->runs, 1, 1000, o->problems,
             "of each plan, in turn; a step's time is their median (default 5 for several plans)");
  add_number(*verb, "--seed", o->seed, 0, 1'000'000'000, o->problems, "of first weights and text (default 1)");
  verb->add_option("--backend", o->backend, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  verb->add_option("--communicator", o->communicator, "threads, mpi or nccl")
      ->check(CLI::IsMember({"threads", "mpi", "nccl"}));
  verb->add_option("--routing", o->routing, "of tokens to experts: top_k, or balanced as predictions have it")
      ->check(CLI::IsMember({"top_k", "balanced"}));
  verb->add_flag("--skip-reference", o->skips_reference, "do not train on one rank as well to compare the losses");
  add_calibrations(*verb, o->calibrations);
  verb->add_option("--trace", o->trace, "write the last step's timeline for https://ui.perfetto.dev")
      ->type_name("FILE");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer(
      "With the calibration that `forerun profile --out local.yaml` wrote, the machine that it describes "
      "(local.cluster.yaml) takes the place of the plan's.\n\n"
      "Examples:\n  forerun execute examples/execute/dp.yaml\n  forerun execute examples/execute/dp.yaml --calibration "
      "local.yaml\n  forerun execute examples/execute/tp-pp.yaml --steps 20 --trace run.json\n"
      "  forerun execute examples/execute/zero3.yaml --communicator mpi\n  forerun execute examples/execute/one.yaml "
      "--backend cuda\n  forerun execute examples/execute/*.yaml --calibration local.yaml");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

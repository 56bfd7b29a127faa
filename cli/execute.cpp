#include <fmt/format.h>
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdlib>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/execution_text.hpp"
#include "cli/gpu_problems.hpp"
#include "cli/progress.hpp"
#include "executor/comparison.hpp"
#include "executor/measured_trace.hpp"
#include "executor/requirements.hpp"
#include "executor/rounds.hpp"
#include "hardware/catalog.hpp"
#include "runtime/cuda_backend.hpp"
#include "runtime/nccl_communicator.hpp"
#include "runtime/rank_processes.hpp"
#include "strategies/closed_form.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string backend = "cpu", communicator = "threads", routing = "top_k";
  std::vector<std::string> calibrations;
  std::optional<std::string> trace;
  int steps = 0, runs = 0, seed = 1;  // 0: as many as usual
  bool json = false, skips_reference = false;
  Problems problems;
};

bool in_turn(const Options& o) { return o.files.size() > 1 || o.runs > 0; }

constexpr const char* started_by_us = "FORERUN_STARTED_BY_MPIRUN";
bool is_process_of_run() { return std::getenv(started_by_us) != nullptr; }

bool on_gpus(const Options& o) { return o.backend == "cuda"; }
// Of this machine, that the ranks share.
int processors(const Options& o) { return on_gpus(o) ? std::max(1, cuda_devices()) : cores_of_this_machine(); }

// What this build and machine cannot do.
Problems unavailable(const Options& o) {
  Problems problems = on_gpus(o) ? problems_of_cuda(0) : Problems{};
  const bool there = problems.empty();
  const auto refuse_if = [&](bool wrong, std::string what, std::string hint) {
    if (wrong) problems.push_back({{}, std::move(what), std::move(hint)});
  };
  const bool nccl = o.communicator == "nccl", by_mpi = o.communicator == "mpi" || nccl;
  refuse_if(nccl && !on_gpus(o), "NCCL connects GPUs", "write --backend cuda, or use --communicator threads or mpi");
  refuse_if(nccl && on_gpus(o) && there && !has_nccl(), "NCCL cannot be used: " + why_no_nccl(), "install libnccl2, or use --communicator threads or mpi");
  refuse_if(by_mpi && o.trace, "a trace of processes would show rank 0 alone", "use --communicator threads");
  refuse_if(by_mpi && !has_mpi(), "this build found no MPI, which starts the ranks", "install libopenmpi-dev and openmpi-bin and build again, or use --communicator threads");
  return problems;
}

// What `forerun profile --out NAME.yaml` wrote beside NAME.yaml: the machine, and its collectives.
struct Profiled {
  std::vector<std::string> calibrations;
  std::optional<std::string> cluster;
};

Profiled profiled(const std::vector<std::string>& given) {
  Profiled found{given, std::nullopt};
  for (const std::string& file : given) {
    const auto beside = [&](const char* what) {
      std::filesystem::path path = file;
      path.replace_extension(what);
      return std::filesystem::exists(path) ? std::optional(path.string()) : std::nullopt;
    };
    if (const auto cluster = beside(".cluster.yaml")) found.cluster = cluster;
    const auto collectives = beside(".collectives.yaml");
    if (collectives && std::find(given.begin(), given.end(), *collectives) == given.end()) found.calibrations.push_back(*collectives);
  }
  return found;
}

// More ranks than cores take turns.
Cluster with_ranks(Cluster cluster, int ranks) {
  int& devices = cluster.nodes.front().node.devices;
  devices = std::max(devices, ranks);
  return cluster;
}

struct Task {
  PricedScenario scenario;
  Plan plan;
};

Result<Task> read(const Options& o, const std::string& name, Routing routing) {
  Problems problems = o.problems;
  const auto collect = [&](const Problems& more) { problems.insert(problems.end(), more.begin(), more.end()); };
  collect(unavailable(o));
  if (o.trace) collect(output_problems(*o.trace));
  Result<PlanFile> file = read_plan_file(name);
  if (!file) collect(file.error());
  if (file) collect(check_executable(file->scenario, file->plan, routing));
  const Profiled machine = profiled(o.calibrations);
  const Result<OwnCalibrations> own = load_calibrations(machine.calibrations);
  if (!own) collect(own.error());
  if (file && machine.cluster) {
    Result<Cluster> cluster = find_cluster(*machine.cluster);
    if (!cluster) collect(cluster.error());
    if (cluster) file->scenario.cluster = with_ranks(std::move(*cluster), gpus(file->plan));
  }
  if (!problems.empty()) return fail(std::move(problems));
  Result<PricedScenario> scenario = price(file->scenario, *own);
  if (!scenario) return fail(scenario.error());
  return Task{*scenario, file->plan};
}

Problems write_trace(const Execution& run, const Program& program, const std::string& path) {
  std::vector<RankRun> ranks;
  for (const RankReport& rank : run.ranks) {
    const HeldMemory& held = program_of(program, rank.rank).held;
    ranks.push_back({.rank = rank.rank, .name = fmt::format("rank {}, stage {}", rank.rank, rank.stage), .intervals = rank.intervals, .memory = rank.memory,
                     .held = static_cast<std::int64_t>(held.total().value())});
  }
  return save_measured_trace(ranks, path);
}

Routing routing_of(const Options& o) { return o.routing == "balanced" ? Routing::balanced : Routing::top_k; }

// Of one plan six steps; of several the first of each run, and one to measure.
RunOptions run_options(const Options& o) {
  const int steps = o.steps > 0 ? o.steps : in_turn(o) ? 2 : 6;
  RunOptions options{.steps = steps, .seed = static_cast<std::uint64_t>(o.seed), .routing = routing_of(o), .record = o.trace.has_value()};
  if (on_gpus(o)) options.machine = [nccl = o.communicator == "nccl"](Communicator& world) { return on_a_gpu(world, nccl); };
  return options;
}

Result<Execution> run_with_progress(const std::string& what, const PricedScenario& scenario, const Program& program, const RunOptions& options) {
  ProgressLine progress(what);
  Result<Execution> run = execute(scenario, program, options, [&](int step, double) { progress(static_cast<double>(step + 1) / options.steps); });
  progress.finish();
  return run;
}

// Empty where the plan is one rank itself, or nobody asks.
Result<std::vector<double>> reference_losses(const Options& o, const Task& task, References& references) {
  if (o.skips_reference || gpus(task.plan) == 1) return std::vector<double>{};
  ProgressLine progress("one rank, for the losses");
  Result<std::vector<double>> losses = references.losses(task.scenario, task.plan, [&](double share) { progress(share); });
  progress.finish();
  return losses;
}

bool same_losses(const Task& task, const Execution& run, const std::vector<double>& reference) {
  bool same = true;
  for (std::size_t i = 0; i < reference.size(); ++i) same &= agrees(task.scenario.given, static_cast<int>(i), run.losses[i], reference[i]);
  return same;
}

int answer(const Options& o, const Task& task, const Simulation& s, const Execution& run, const std::vector<double>& reference) {
  const bool same = same_losses(task, run, reference);
  const Comparison comparison = compare(s, run, processors(o));
  o.json ? print_execution_json(task.scenario, task.plan, comparison, run, reference, same) : print_execution(task.scenario, task.plan, comparison, run, reference);
  if (o.trace) {
    if (const Problems problems = write_trace(run, s.program, *o.trace); !problems.empty()) return refuse(problems);
    fmt::print(stderr, "wrote {}: open it at https://ui.perfetto.dev\n", *o.trace);
  }
  if (!same) fmt::print(stderr, "error: the losses are not those of one rank\n");
  return same ? answered : failed;
}

int fail_run(const Problems& problems) {
  refuse(problems);
  return failed;
}

// Of all ranks together, and of the one that the losses are compared with.
Bytes memory_needed(const Options& o, const Task& task, const Simulation& s) {
  Bytes all{0};
  for (std::size_t r = 0; r < s.roles.size(); ++r) all += static_cast<double>(s.program.roles[r].ranks.size()) * s.roles[r].memory.peak.allocated();
  if (o.skips_reference || gpus(task.plan) == 1) return all;
  Scenario given = task.scenario.given;
  given.gpus = 1;
  const Result<PricedScenario> one = price(given);
  return one ? std::max(all, estimate(*one, one_rank(task.plan)).memory.peak().allocated()) : all;
}

// nothing_fits, where this machine has less.
int check_memory(const Options& o, const Task& task, const Simulation& s) {
  if (on_gpus(o)) return answered;  // the GPU says so itself, at the tensor that does not fit
  const Bytes needed = memory_needed(o, task, s), there{static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE))};
  if (needed <= there) return answered;
  refuse({{{}, fmt::format("the ranks need {:.1f} GiB together, and this machine has {:.1f} GiB; {} bind", needed.value() / 0x1p30, there.value() / 0x1p30, binding_category(s.memory)),
           fmt::format("use a model {:.0f} times smaller: fewer blocks, or a smaller width", std::ceil(needed / there))}});
  return nothing_fits;
}

int run_threads(const Options& o, const Task& task) {
  const Simulation s = simulate(task.scenario, task.plan);
  if (const int code = check_memory(o, task, s); code != answered) return code;
  References references(run_options(o));
  const Result<std::vector<double>> reference = reference_losses(o, task, references);
  if (!reference) return fail_run(reference.error());
  const Result<Execution> run = run_with_progress(fmt::format("{} ranks", gpus(task.plan)), task.scenario, s.program, run_options(o));
  if (!run) return fail_run(run.error());
  return answer(o, task, s, *run, *reference);
}

// As one of mpirun's processes: rank 0 answers.
int run_as_rank(const Options& o, const Task& task) {
  const Simulation s = simulate(task.scenario, task.plan);
  int code = answered;
  const int ended = run_as_process([&](Communicator& world) {
    if (world.size() != gpus(task.plan)) throw std::runtime_error(fmt::format("the plan has {} ranks, mpirun started {}", gpus(task.plan), world.size()));
    const Execution run = execute_as(world, task.scenario, s.program, run_options(o));
    if (world.rank() != 0) return;
    References references(run_options(o));
    const Result<std::vector<double>> reference = reference_losses(o, task, references);
    code = reference ? answer(o, task, s, run, *reference) : fail_run(reference.error());
  });
  return ended != 0 ? failed : code;
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
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string(), ranks = std::to_string(gpus(task.plan));
  // As root in a container; ranks that wait give way to those that share their core.
  for (const auto& [name, value] : {std::pair{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}, {"OMPI_MCA_mpi_yield_when_idle", "1"},
                                    {"OMPI_MCA_hwloc_base_binding_policy", "none"}, {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"}, {started_by_us, "1"}}) {
    ::setenv(name, value, 0);
  }
  std::vector<std::string> words{"mpirun", "--oversubscribe", "-n", ranks, self};
  const std::vector<std::string> given = own_arguments();
  words.insert(words.end(), given.begin(), given.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp("mpirun", pointers.data());
  return refuse({{{}, "mpirun cannot be started", "install openmpi-bin, or use --communicator threads"}});
}

// --- several plans: a row each --------------------------------------------------------------------------------------

int run_all(const Options& o) {
  Problems problems;
  if (o.communicator != "threads") problems.push_back({{}, "processes are started for one run of one plan", "name one plan and leave --runs out, or use --communicator threads"});
  if (o.trace) problems.push_back({{}, "a trace is of one run of one plan", "name one plan, and leave --runs out"});
  std::vector<Task> tasks;
  for (const std::string& file : o.files) {
    Result<Task> task = read(o, file, routing_of(o));
    if (task) tasks.push_back(std::move(*task));
    if (!task) problems.insert(problems.end(), task.error().begin(), task.error().end());
  }
  if (!problems.empty()) return refuse(problems);
  std::vector<Simulation> simulations;
  std::vector<std::vector<double>> losses;
  std::vector<Planned> plans;
  References references(run_options(o));
  simulations.reserve(tasks.size());
  for (const Task& task : tasks) {
    simulations.push_back(simulate(task.scenario, task.plan));
    if (const int code = check_memory(o, task, simulations.back()); code != answered) return code;
    Result<std::vector<double>> reference = reference_losses(o, task, references);
    if (!reference) return fail_run(reference.error());
    losses.push_back(std::move(*reference));
    plans.push_back({&task.scenario, &simulations.back().program});
  }
  const int runs = o.runs > 0 ? o.runs : 5;
  ProgressLine progress(fmt::format("{} plans in turn, {} runs each", tasks.size(), runs));
  const Result<std::vector<Rounds>> all = execute_in_turn(plans, run_options(o), runs, [&](double share) { progress(share); });
  progress.finish();
  if (!all) return fail_run(all.error());
  std::vector<ExecutedPlan> rows;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const Rounds& one = (*all)[i];
    rows.push_back({std::filesystem::path(o.files[i]).stem().string(), gpus(tasks[i].plan), compare(simulations[i], one.last, processors(o), one.runs),
                    same_losses(tasks[i], one.last, losses[i])});
  }
  o.json ? print_executions_json(rows) : print_executions(rows);
  const bool same = std::ranges::all_of(rows, &ExecutedPlan::same);
  if (!same) fmt::print(stderr, "error: the losses are not those of one rank\n");
  return same ? answered : failed;
}

int run(const Options& o) {
  if (on_gpus(o)) ::setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);  // lanes are more than the 8 queues that CUDA makes, and one that waits would stop another
  if (in_turn(o)) return run_all(o);
  const Result<Task> task = read(o, o.files.front(), routing_of(o));
  if (!task) return refuse(task.error());
  const bool needs_processes = o.communicator == "mpi" || (o.communicator == "nccl" && gpus(task->plan) > 1);
  if (needs_processes) return is_process_of_run() ? run_as_rank(o, *task) : start_processes(*task);
  return run_threads(o, *task);
}

}  // namespace

void add_execute(CLI::App& app, int& code) {
  CLI::App* verb = app.add_subcommand("execute", "Run one plan for real on this machine: loss, time, memory and bytes beside what was predicted");
  auto o = std::make_shared<Options>();
  verb->add_option("plans", o->files, "plan.yaml of stack forerun (examples/execute); of several a row each")->required()->type_name("FILE");
  add_number(*verb, "--steps", o->steps, 1, 1'000'000, o->problems, "training steps (default 6; of several plans 2 in each run)");
  add_number(*verb, "--runs", o->runs, 1, 1000, o->problems, "of each plan, in turn; a step's time is their median (default 5 for several plans)");
  add_number(*verb, "--seed", o->seed, 0, 1'000'000'000, o->problems, "of first weights and text (default 1)");
  verb->add_option("--backend", o->backend, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  verb->add_option("--communicator", o->communicator, "threads, mpi or nccl")->check(CLI::IsMember({"threads", "mpi", "nccl"}));
  verb->add_option("--routing", o->routing, "of tokens to experts: top_k, or balanced as predictions have it")->check(CLI::IsMember({"top_k", "balanced"}));
  verb->add_flag("--skip-reference", o->skips_reference, "do not train on one rank as well to compare the losses");
  add_calibrations(*verb, o->calibrations);
  verb->add_option("--trace", o->trace, "write the last step's timeline for https://ui.perfetto.dev")->type_name("FILE");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer(
      "With the calibration that `forerun profile --out local.yaml` wrote, the machine that it describes (local.cluster.yaml) takes the place of the plan's.\n\n"
      "Examples:\n  forerun execute examples/execute/dp.yaml\n  forerun execute examples/execute/dp.yaml --calibration local.yaml\n  forerun execute examples/execute/tp-pp.yaml --steps 20 --trace run.json\n"
      "  forerun execute examples/execute/zero3.yaml --communicator mpi\n  forerun execute examples/execute/one.yaml --backend cuda\n  forerun execute examples/execute/*.yaml --calibration local.yaml");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

#include "cli/execute_tasks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/gpu_problems.hpp"
#include "costmodel/own_calibrations.hpp"
#include "executor/comparison.hpp"
#include "executor/requirements.hpp"
#include "hardware/catalog.hpp"
#include "runtime/communication/nccl_communicator.hpp"
#include "runtime/communication/rank_processes.hpp"
#include "runtime/cuda_backend.hpp"
#include "runtime/machine/cores.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/plan/plan_file.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/search/advice.hpp"

namespace forerun::cli {
namespace {

namespace fs = std::filesystem;

void add(Problems& all, const Problems& more) { all.insert(all.end(), more.begin(), more.end()); }

// What this build and machine cannot do.
Problems unavailable(const ExecuteOptions& o) {
  Problems problems = o.on_gpus() ? problems_of_cuda(0) : Problems{};
  const bool there = problems.empty();
  const auto refuse_if = [&](bool wrong, std::string what, std::string hint) {
    if (wrong) problems.push_back({{}, std::move(what), std::move(hint)});
  };
  const bool by_mpi = o.communicator == "mpi" || o.by_nccl();
  refuse_if(o.by_nccl() && !o.on_gpus(), "NCCL connects GPUs",
            "write --backend cuda, or use --communicator threads or mpi");
  refuse_if(o.by_nccl() && o.on_gpus() && there && !has_nccl(), "NCCL cannot be used: " + why_no_nccl(),
            "install libnccl2, or use --communicator threads or mpi");
  refuse_if(by_mpi && o.trace, "a trace of processes would show rank 0 alone", "use --communicator threads");
  refuse_if(by_mpi && !has_mpi(), "this build found no MPI, which starts the ranks",
            "install libopenmpi-dev and openmpi-bin and build again, or use --communicator threads");
  refuse_if(o.in_turn() && o.communicator != "threads", "processes are started for one run of one plan",
            "name one plan and leave --runs out, or use --communicator threads");
  refuse_if(o.in_turn() && o.trace, "a trace is of one run of one plan", "name one plan, and leave --runs out");
  return problems;
}

// What `forerun profile --out NAME.yaml` wrote beside NAME.yaml: the machine, and its collectives.
struct Profiled {
  std::vector<std::string> calibrations;  // the later counts: what was named comes last
  std::optional<std::string> cluster;
};

Profiled profiled(const std::vector<std::string>& named) {
  Profiled found;
  for (const std::string& file : named) {
    const auto beside = [&](const char* what) {
      fs::path path = file;
      path.replace_extension(what);
      return fs::exists(path) ? std::optional(path.string()) : std::nullopt;
    };
    if (const auto cluster = beside(".cluster.yaml")) found.cluster = cluster;
    if (const auto collectives = beside(".collectives.yaml")) found.calibrations.push_back(*collectives);
  }
  found.calibrations.insert(found.calibrations.end(), named.begin(), named.end());
  return found;
}

// The machine that takes the place of the plan's, and what was measured of it.
struct Measured {
  OwnCalibrations own;
  std::optional<Cluster> cluster;
};

Result<Measured> read_measured(const ExecuteOptions& o) {
  const Profiled files = profiled(o.calibrations);
  Result<OwnCalibrations> own = load_calibrations(files.calibrations);
  Measured measured;
  Problems problems = own ? Problems{} : own.error();
  if (files.cluster) {
    Result<Cluster> cluster = find_cluster(*files.cluster);
    if (!cluster) add(problems, cluster.error());
    if (cluster) measured.cluster = std::move(*cluster);
  }
  if (!problems.empty()) return fail(std::move(problems));
  measured.own = std::move(*own);
  const bool processes = o.communicator == "mpi";
  if (!o.on_gpus() && !only_library_of_host(measured.own, processes ? "mpi" : "in-process")) {
    say(fmt::format("note: no collectives of {} were profiled: they are predicted from the links of the cluster\n",
                    processes ? "processes" : "threads"));
  }
  return measured;
}

// More ranks than cores take turns.
Cluster with_ranks(Cluster cluster, int ranks) {
  int& devices = cluster.nodes.front().node.devices;
  devices = std::max(devices, ranks);
  return cluster;
}

// A queue of a GPU does not wait for messages of the host, and MPI is asked for one thread: there, exchanges between
// replicas stop the computation.
bool runs_beside(const ExecuteOptions& o) { return o.by_nccl() || (o.communicator == "threads" && !o.on_gpus()); }

Problems requirements(const ExecuteOptions& o, const PlanFile& file) {
  Problems problems = check_executable(file.scenario, file.plan, o.rows());
  if (!problems.empty() || o.skips_reference || gpus(file.plan) == 1) return problems;
  Scenario given = file.scenario;
  given.gpus = 1;
  for (Problem& problem : check_executable(given, one_rank(file.plan), o.rows())) {
    problems.push_back(
        {problem.at, "one rank, for the losses: " + problem.message, problem.hint + "; or write --skip-reference"});
  }
  return problems;
}

Result<Task> read_task(const ExecuteOptions& o, const std::string& name, const Result<Measured>& measured) {
  Result<PlanFile> file = read_plan_file(name);
  if (!file) return fail(file.error());
  if (Problems problems = requirements(o, *file); !problems.empty()) return fail(std::move(problems));
  if (measured && measured->cluster) file->scenario.cluster = with_ranks(*measured->cluster, gpus(file->plan));
  if (!runs_beside(o)) file->plan.overlap.dp = false;
  Result<PricedScenario> scenario = price(file->scenario, measured ? measured->own : OwnCalibrations{});
  if (!scenario) return fail(scenario.error());
  Simulation prediction = simulate(*scenario, file->plan);
  return Task{fs::path(name).stem().string(), std::move(*scenario), file->plan, std::move(prediction)};
}

// Of all ranks together, and of the one that the losses are compared with.
Bytes memory_needed(const ExecuteOptions& o, const Task& task) {
  const Simulation& s = task.prediction;
  Bytes all{0};
  for (std::size_t r = 0; r < s.roles.size(); ++r) {
    all += static_cast<double>(s.program.roles[r].ranks.size()) * s.roles[r].memory.peak.allocated();
  }
  if (!has_reference(o, task)) return all;
  Scenario given = task.scenario.given;
  given.gpus = 1;
  const Result<PricedScenario> one = price(given);
  return one ? std::max(all, estimate(*one, one_rank(task.plan)).memory.peak().allocated()) : all;
}

}  // namespace

int processors(const ExecuteOptions& o) { return o.on_gpus() ? std::max(1, cuda_devices()) : cores_of_this_process(); }

bool has_reference(const ExecuteOptions& o, const Task& task) { return !o.skips_reference && task.ranks() > 1; }

Result<std::vector<Task>> read_tasks(const ExecuteOptions& o) {
  Problems problems = o.problems;
  add(problems, unavailable(o));
  if (o.trace) add(problems, output_problems(*o.trace));
  const Result<Measured> measured = read_measured(o);
  if (!measured) add(problems, measured.error());
  std::vector<Task> tasks;
  for (const std::string& name : o.files) {
    Result<Task> task = read_task(o, name, measured);
    if (!task) add(problems, task.error());
    if (task) tasks.push_back(std::move(*task));
  }
  if (!problems.empty()) return fail(std::move(problems));
  return tasks;
}

void announce_run(const ExecuteOptions& o, const std::vector<Task>& tasks, int steps, int runs) {
  Seconds time{0};
  Bytes memory{0};
  for (const Task& task : tasks) {
    time += static_cast<double>(steps) * runs * step_on_cores(task.prediction, processors(o));
    memory = std::max(memory, memory_needed(o, task));
  }
  announce("this run", time, memory);
}

Problems memory_problems(const ExecuteOptions& o, const std::vector<Task>& tasks) {
  Problems problems;
  if (o.on_gpus()) return problems;  // the GPU says so itself, at the tensor that does not fit
  const Bytes there{static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE))};
  for (const Task& task : tasks) {
    const Bytes needed = memory_needed(o, task);
    if (needed <= there) continue;
    problems.push_back(
        {{},
         fmt::format("{}: the ranks need {:.1f} GiB together, and this machine has {:.1f} GiB; {} bind", task.name,
                     needed.value() / 0x1p30, there.value() / 0x1p30, binding_category(task.prediction.memory)),
         fmt::format("use a model {:.0f} times smaller: fewer blocks, or a smaller width", std::ceil(needed / there))});
  }
  return problems;
}

}  // namespace forerun::cli

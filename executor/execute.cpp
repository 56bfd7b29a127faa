#include "executor/execute.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "executor/rank_executor.hpp"
#include "runtime/communication/rank_threads.hpp"
#include "runtime/machine/other_load.hpp"
#include "runtime/machine/resident_memory.hpp"
#include "strategies/programs/work_price.hpp"

namespace forerun {
namespace {

// Of one rank: all steps; the others' losses and times are added to its own.
RankReport all_steps(const RankPlace& place, const PricedScenario& scenario, const Program& program,
                     const RunOptions& options, const std::function<void(int, double)>& after_step) {
  Communicator& world = place.world;
  RankExecutor rank(scenario, program, place, options);
  try {
    for (int step = 0; step < options.steps; ++step) {
      world.barrier();
      rank.step();
      std::vector<double> sum{rank.last_loss()}, slowest{rank.last_time().value()};
      world.all_reduce(Elements(std::span(sum)), Reduction::sum);
      world.all_reduce(Elements(std::span(slowest)), Reduction::largest);
      rank.set_last(sum[0] / static_cast<double>(tokens_per_step(scenario.given.job)), Seconds{slowest[0]});
      if (world.rank() == 0 && after_step) after_step(step, rank.last_loss());
    }
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", rank.where(), error.what()));
  }
  return rank.report();
}

// As threads, or as one of the processes of MPI, which is asked for one thread only.
RankReport run_rank(Communicator& world, bool as_process, const PricedScenario& scenario, const Program& program,
                    RunOptions options, const std::function<void(int, double)>& after_step) {
  const RankMachine machine = options.machine(world);
  const RankPlace place{world, machine.tensors ? *machine.tensors : world, *machine.backend};
  if (as_process && !place.tensors.queues()) options.background = false;
  return all_steps(place, scenario, program, options, after_step);
}

Execution result_of(std::vector<RankReport> ranks) {
  Execution execution;
  execution.losses = ranks.front().losses;
  for (const auto step : ranks.front().steps) execution.steps.emplace_back(std::chrono::duration<double>(step).count());
  execution.ranks = std::move(ranks);
  return execution;
}

}  // namespace

Result<Execution> execute(const PricedScenario& scenario, const Program& program, const RunOptions& options,
                          const std::function<void(int, double)>& after_step) {
  std::vector<RankReport> reports(program.role_of_rank.size());
  const OtherLoad load;
  forget_peak_resident();
  try {
    run_ranks(static_cast<int>(reports.size()), [&](Communicator& world) {
      reports[static_cast<std::size_t>(world.rank())] = run_rank(world, false, scenario, program, options, after_step);
    });
  } catch (const RankFailure& failure) {
    return fail(Problems{{{}, failure.what(), ""}});
  }
  Execution execution = result_of(std::move(reports));
  execution.others = load.share();
  execution.resident = peak_resident();
  return execution;
}

Execution execute_as(Communicator& world, const PricedScenario& scenario, const Program& program,
                     const RunOptions& options, const std::function<void(int, double)>& after_step) {
  std::vector<RankReport> reports;
  forget_peak_resident();
  reports.push_back(run_rank(world, true, scenario, program, options, after_step));
  Execution execution = result_of(std::move(reports));
  execution.resident = peak_resident();
  return execution;
}

std::vector<double> warm_steps(const Execution& run) {
  std::vector<double> steps;
  for (const Seconds step : run.steps) steps.push_back(step.value());
  if (steps.size() > 1) steps.erase(steps.begin());
  return steps;
}

Traffic promised_traffic(const Program& program, int rank) {
  const StageProgram& stage = program_of(program, rank);
  Traffic traffic;
  for (const Call& call : stage.calls) {
    for (const Instruction& in : stage.bodies[call.body].instructions) {
      if (in.code != Code::run) continue;
      if (const Communication* c = std::get_if<Communication>(&stage.works[in.work]))
        count_traffic(*c, program.plan, 1, traffic);
    }
  }
  return traffic;
}

Plan one_rank(const Plan& plan) {
  Plan one;
  one.micro_batch = plan.micro_batch;
  return one;
}

}  // namespace forerun

#include "strategies/search/simulated_ranking.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "strategies/plan/shard.hpp"
#include "strategies/plan_runs.hpp"

namespace forerun {
namespace {

std::size_t instructions_run(const StageProgram& stage) {
  std::vector<std::size_t> of_body;
  for (const Body& body : stage.bodies)
    of_body.push_back(static_cast<std::size_t>(std::ranges::count(body.instructions, Code::run, &Instruction::code)));
  std::size_t count = 0;
  for (const Call& call : stage.calls) count += of_body[call.body];
  return count;
}

struct Candidate {
  SimulatedPlan plan;
  std::size_t instructions = 0;
  bool first_of_kind = false;
};

template <class Work>
void in_parallel(int threads, std::size_t n, Work work) {
  tbb::task_arena arena(threads > 0 ? threads : tbb::task_arena::automatic);
  arena.execute([&] { tbb::parallel_for(std::size_t{0}, n, work); });
}

// A pass runs more than one instruction, so that a plan of too many passes need not be lowered to be counted.
std::size_t passes_of(const Scenario& given, const Plan& plan) {
  return 2 * static_cast<std::size_t>(micro_batches_of(given.job, plan)) *
         static_cast<std::size_t>(plan.pp * plan.virtual_stages);
}

std::size_t instructions_of(const PricedScenario& scenario, const Plan& plan, const RankingOptions& options) {
  constexpr std::size_t least_of_a_pass = 10;
  const std::size_t passes = passes_of(scenario.given, plan);
  return least_of_a_pass * passes > options.most_instructions ? least_of_a_pass * passes
                                                              : instructions_run(lower(scenario, plan));
}

// Those to simulate, by instructions: the best of each listed kind, then others while there is room.
std::vector<Candidate*> chosen(std::vector<Candidate>& all, const RankingOptions& options) {
  std::vector<Candidate*> listed, others;
  for (Candidate& candidate : all)
    (candidate.first_of_kind && listed.size() < options.top ? listed : others).push_back(&candidate);
  for (const Candidate* candidate : listed) {
    if (candidate->instructions > options.most_instructions) return {};
  }
  std::size_t sum = 0;
  for (Candidate* candidate : others) {
    if (candidate->instructions > options.most_instructions) continue;
    if ((sum += candidate->instructions) > options.most_in_all) break;
    listed.push_back(candidate);
  }
  return listed;
}

void simulate(const PricedScenario& scenario, const std::vector<Candidate*>& plans, const RankingOptions& options) {
  double all = 0, done = 0;
  for (const Candidate* candidate : plans) all += static_cast<double>(candidate->instructions);
  std::mutex counts;
  in_parallel(options.threads, plans.size(), [&](std::size_t i) {
    plans[i]->plan.step = forerun::simulate(scenario, plans[i]->plan.ranked.plan).step;
    const std::scoped_lock lock(counts);
    done += static_cast<double>(plans[i]->instructions);
    options.progress(done / all);
  });
}

// The best of each kind with its ties, of plans that are sorted.
std::vector<RankedKind> grouped(std::vector<Candidate>& plans, const RankingOptions& options) {
  std::vector<RankedKind> kinds;
  std::map<PlanKind, std::size_t> places;
  for (Candidate& candidate : plans) {
    const auto [place, fresh] = places.emplace(kind_of(candidate.plan.ranked.plan), kinds.size());
    if (fresh) {
      kinds.push_back({std::move(candidate.plan), {}});
    } else if (RankedKind& kind = kinds[place->second];
               candidate.plan.best_known() <= (1 + options.tie) * kind.best.best_known()) {
      kind.ties.push_back(std::move(candidate.plan));
    }
  }
  kinds.resize(std::min(kinds.size(), options.top));
  return kinds;
}

}  // namespace

std::size_t instructions_run(const Program& program) {
  std::vector<std::size_t> of_stage;
  for (const StageProgram& stage : program.stages) of_stage.push_back(instructions_run(stage));
  std::size_t count = 0;
  for (const Role& role : program.roles) count += of_stage[role.program];
  return count;
}

Ranking simulate_ranking(const PricedScenario& scenario, std::vector<RankedPlan> plans, const RankingOptions& options) {
  std::vector<Candidate> all(plans.size());
  in_parallel(options.threads, plans.size(), [&](std::size_t i) {
    all[i].instructions = instructions_of(scenario, plans[i].plan, options);
    all[i].plan = {std::move(plans[i]), std::nullopt, i};
  });
  std::map<PlanKind, bool> seen;
  for (Candidate& candidate : all)
    candidate.first_of_kind = seen.emplace(kind_of(candidate.plan.ranked.plan), true).second;

  Ranking ranking;
  const std::vector<Candidate*> simulated = chosen(all, options);
  ranking.simulated = simulated.size();
  if (simulated.empty()) {
    for (const Candidate& candidate : all) ranking.too_large = std::max(ranking.too_large, candidate.instructions);
  } else {
    simulate(scenario, simulated, options);
    std::erase_if(all, [](const Candidate& candidate) { return !candidate.plan.step; });
  }
  std::ranges::sort(all, {}, [](const Candidate& c) { return std::pair(c.plan.best_known(), c.plan.rank); });
  ranking.kinds = grouped(all, options);
  return ranking;
}

}  // namespace forerun

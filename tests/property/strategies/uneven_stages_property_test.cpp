// Is the closed form near the simulation where chunks of an interleaved pipeline hold unequal numbers of blocks?
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "strategies/plan/check_plan.hpp"
#include "strategies/plan_runs.hpp"
#include "tests/support/random_plans.hpp"

namespace forerun {
namespace {

struct Case {
  Scenario given;
  Plan plan;
};

class Cases {
 public:
  Case operator()() {
    while (true) {
      Case c = draw();
      const bool whole_nodes = c.given.gpus < 8 || c.given.gpus % 8 == 0;
      if (whole_nodes && is_valid(c.given, c.plan)) return c;
    }
  }

 private:
  int any(int least, int beyond) { return least + static_cast<int>(random_() % static_cast<unsigned>(beyond - least)); }

  Case draw() {
    Plan plan;
    plan.pp = any(2, 9), plan.virtual_stages = any(2, 5), plan.schedule = ScheduleKind::interleaved;
    plan.dp = any(1, 3), plan.tp = 1 << any(0, 2), plan.sp = plan.tp > 1;
    plan.cut = StageCut::list;
    int layers = 0;
    for (int chunk = 0; chunk < plan.pp * plan.virtual_stages; ++chunk) {
      plan.stages.push_back({.blocks = any(0, 6)});
      layers += plan.stages.back().blocks;
    }
    if (layers == 0) plan.stages.back().blocks = layers = 1;
    Model model = any(0, 2) == 0 ? test::small_dense(layers) : test::widened(test::small_dense(layers));
    const int gpus = plan.pp * plan.dp * plan.tp;
    const Job job{.sequence = 1024, .global_batch = plan.dp * plan.pp * any(1, 10)};
    return {test::scenario(std::move(model), "dgx-h100", gpus, job), plan};
  }

  std::mt19937 random_{1};
};

TEST(UnevenStages, OfInterleavedPipelinesAreWithinThreePercentOfTheSimulation) {
  Cases cases;
  std::vector<double> errors;
  for (int i = 0; i < 500; ++i) {
    const auto [given, plan] = cases();
    const PricedScenario scenario = test::priced(given);
    const double closed = estimate(scenario, plan).step.median.value(), found = simulate(scenario, plan).step.value();
    errors.push_back(std::abs(closed / found - 1));
    EXPECT_LE(errors.back(), 0.03) << summary(plan) << " of " << given.model.name << ", batch "
                                   << given.job.global_batch << ": " << closed << " and " << found;
  }
  std::sort(errors.begin(), errors.end());
  fmt::print("median {:.2f} %, 95 of 100 within {:.2f} %, worst {:.2f} %\n", 100 * errors[250], 100 * errors[475],
             100 * errors[499]);
}

}  // namespace
}  // namespace forerun

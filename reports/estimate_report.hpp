// One plan in closed form.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "strategies/closed_form/estimate.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/search/advice.hpp"

namespace forerun {

struct EstimateAnswer {
  const PricedScenario& scenario;
  const Plan& plan;
  const Estimate& estimate;
  std::vector<Change> would_fit;  // of a plan that does not fit
};

std::string to_text(const EstimateAnswer&, int width);
std::string json_text(const EstimateAnswer&);

// step_time_s, low, high, evidence, tokens_per_s, mfu, mfu_full_square, hfu, energy_j, cost_usd,
// cost_usd_per_billion_tokens, memory, breakdown, bytes.
nlohmann::ordered_json to_json(const Estimate&);

// Of a step that costs so much.
Dollars per_billion_tokens(Dollars step, const Estimate&);
// "cost $0.07 a step, $120 a billion tokens", or that the device has no price.
std::string cost_text(const PricedScenario&, const Estimate&);

// Figures of the same step where it takes another time: what a simulation found.
struct SimulatedFigures {
  double tokens_per_second = 0;
  double mfu = 0, mfu_full_square = 0, hfu = 0;
  std::optional<Dollars> cost;  // of a step
  double difference = 0;  // step over the closed form's median, less 1
};
SimulatedFigures figures(const Estimate& closed_form, Seconds step);

// "step 14.7 s (13.1 to 16.5), 71 K tokens/s, MFU 50 % (full square 54 %)", and HFU where something is recomputed.
std::string step_line(const std::string& step, const SimulatedFigures&, bool recomputes);

}  // namespace forerun

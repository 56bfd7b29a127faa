// Are the gradients of routing and of the weighted sum of experts those of finite differences, and is no token lost?
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>
#include <set>

#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/expert_order.hpp"
#include "runtime/cpu/router.hpp"
#include "tests/support/gradients.hpp"

namespace forerun {
namespace {

using namespace test;
using testing::ElementsAre;
using Indices = std::vector<std::int32_t>;

RC_GTEST_PROP(Router, HasTheGradientOfItsWeights, ()) {
  const int experts = any(1, 9);
  const RouterShape s{
      .rows = any(1, 5), .experts = experts, .top_k = any(1, experts + 1), .renormalise = any(0, 2) == 1};
  Numbers logits = numbers(s.rows * experts), scores(logits.size()),
          weights(static_cast<std::size_t>(s.rows * s.top_k)), dlogits(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {  // no two of a row so near that a difference changes the choice
    logits[i] = std::round(20 * logits[i]) / 20 + 0.005 * static_cast<double>(i % static_cast<std::size_t>(experts));
  }
  const Numbers dweights = numbers(s.rows * s.top_k);
  Indices chosen(weights.size());
  const auto f = [&] { return router_forward<double>(s, logits, scores, chosen, weights), dot(weights, dweights); };
  f();
  router_backward<double>(s, scores, chosen, dweights, dlogits);
  const Numbers expected = differences(logits, f);
  if (s.renormalise && s.top_k == 1) {  // the weight is 1 whatever the logits are
    RC_ASSERT(largest(dlogits) < 1e-12 && largest(expected) < 1e-9);
  } else if (experts > 1) {
    RC_ASSERT(distance(dlogits, expected) < close_to_differences);
  }
}

TEST(Router, TakesTheBestAndTheFirstOfEquals) {
  const RouterShape s{.rows = 1, .experts = 4, .top_k = 2, .renormalise = true};
  Numbers scores(4), weights(2);
  Indices chosen(2);
  router_forward<double>(s, Numbers{0, std::log(2), std::log(2), std::log(2)}, scores, chosen, weights);
  EXPECT_THAT(chosen, ElementsAre(1, 2));
  EXPECT_NEAR(scores[0], 1. / 7, 1e-15);
  EXPECT_NEAR(weights[0], 0.5, 1e-15);
}

RC_GTEST_PROP(ExpertOrder, LosesNoTokenAndGroupsByExpert, ()) {
  const int experts = any(1, 7), top_k = any(1, experts + 1), tokens = any(0, 20);
  Indices chosen;
  for (int token = 0; token < tokens; ++token) {
    const int first = any(0, experts);
    for (int j = 0; j < top_k; ++j) chosen.push_back((first + j) % experts);
  }
  const ExpertOrder order = order_by_expert(experts, top_k, chosen);
  RC_ASSERT(std::accumulate(order.rows.begin(), order.rows.end(), std::int64_t{0}) == tokens * top_k);
  RC_ASSERT(std::set<std::int32_t>(order.place.begin(), order.place.end()).size() == chosen.size());
  std::vector<std::int32_t> expert_at(chosen.size());
  for (std::size_t copy = 0; copy < chosen.size(); ++copy) {
    const auto place = static_cast<std::size_t>(order.place[copy]);
    RC_ASSERT(order.token[place] == static_cast<std::int32_t>(copy) / top_k);
    expert_at[place] = chosen[copy];
  }
  RC_ASSERT(std::is_sorted(expert_at.begin(), expert_at.end()));
}

// Experts that do nothing: tokens come back as they went, times the sum of their weights.
RC_GTEST_PROP(Combine, UndoesDispatch, ()) {
  const int experts = any(1, 6), top_k = any(1, experts + 1);
  const std::int64_t tokens = any(1, 9), width = any(1, 6);
  const RouterShape s{.rows = tokens, .experts = experts, .top_k = top_k, .renormalise = true};
  const Numbers logits = numbers(tokens * experts), x = numbers(tokens * width);
  Numbers scores(logits.size()), weights(static_cast<std::size_t>(tokens * top_k));
  Indices chosen(weights.size());
  router_forward<double>(s, logits, scores, chosen, weights);
  const ExpertOrder order = order_by_expert(experts, top_k, chosen);
  Numbers copies(weights.size() * static_cast<std::size_t>(width)), y(x.size());
  gather_rows<double>(width, x, order.token, copies);
  combine_forward<double>(width, top_k, copies, order.place, weights, y);
  RC_ASSERT(distance(x, y) < the_same);
}

RC_GTEST_PROP(Combine, HasTheGradientsOfItsFunction, ()) {
  const int experts = any(1, 6), top_k = any(1, experts + 1);
  const std::int64_t tokens = any(1, 7), width = any(1, 5);
  Indices chosen;
  for (int token = 0; token < tokens; ++token) {
    for (int j = 0; j < top_k; ++j) chosen.push_back((token + j) % experts);
  }
  const ExpertOrder order = order_by_expert(experts, top_k, chosen);
  Numbers x = numbers(tokens * top_k * width), weights = numbers(tokens * top_k),
          y(static_cast<std::size_t>(tokens * width));
  const Numbers dy = numbers(tokens * width);
  Numbers dx(x.size()), dweights(weights.size());
  const auto f = [&] { return combine_forward<double>(width, top_k, x, order.place, weights, y), dot(y, dy); };
  combine_backward<double>(width, top_k, x, order.place, weights, dy, dx, dweights);
  RC_ASSERT(distance(dx, differences(x, f)) < close_to_differences);
  RC_ASSERT(distance(dweights, differences(weights, f)) < close_to_differences);
}

}  // namespace
}  // namespace forerun

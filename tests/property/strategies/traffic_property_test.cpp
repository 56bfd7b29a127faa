// Do the bytes of a plan depend on what they should, and on nothing else?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "costmodel/collectives/collective.hpp"
#include "tests/support/random_plans.hpp"

namespace forerun {
namespace {

Traffic traffic(const Scenario& given, const Plan& plan) { return estimate(test::priced(given), plan).traffic; }

Scenario course(int gpus, int sequence, int batch) {
  return test::course_scenario(gpus, {.sequence = sequence, .global_batch = batch, .dtype = DType::fp16},
                               test::small_dense(4));
}

int power_of_two(int most) {
  int exponent = 0;
  while ((2 << exponent) <= most) ++exponent;
  return 1 << *rc::gen::inRange(0, exponent + 1);
}

RC_GTEST_PROP(Traffic, OfDataParallelismKnowsNoTokens, ()) {  // I-15
  const int dp = 2 * power_of_two(16), zero = *rc::gen::inRange(0, 2);
  const Plan plan{.dp = dp, .zero = zero, .micro_batch = power_of_two(2)};
  const Traffic a = traffic(course(dp, 512, 2 * dp), plan), b = traffic(course(dp, 2048, 6 * dp), plan);
  for (const Flow flow : {Flow::dp_all_reduce, Flow::dp_reduce_scatter, Flow::dp_all_gather})
    RC_ASSERT(a[flow].wire == b[flow].wire);
}

RC_GTEST_PROP(Traffic, OfTensorParallelismKnowsTokensButNotItsDegree, ()) {  // I-15
  const int tp = 2 * power_of_two(4), batch = *rc::gen::inRange(1, 9);
  const Flow flow = Flow::tp_all_reduce;
  const Bytes two = traffic(course(2, 512, 4), {.tp = 2})[flow].api;
  RC_ASSERT(traffic(course(tp, 512, 4 * batch), {.tp = tp})[flow].api == batch * two);
  RC_ASSERT(traffic(course(tp, 1024, 4), {.tp = tp})[flow].api == 2.0 * two);
}

RC_GTEST_PROP(Traffic, OfAPipelineKnowsNoMicroBatches, ()) {  // I-15
  const int pp = 2 * power_of_two(2), micro_batch = power_of_two(16);
  const auto schedule = *rc::gen::element(ScheduleKind::gpipe, ScheduleKind::one_f_one_b);
  const Traffic t = traffic(course(pp, 512, 16), {.pp = pp, .schedule = schedule, .micro_batch = micro_batch});
  for (const Flow flow : {Flow::pp_send_forward, Flow::pp_send_backward})
    RC_ASSERT(t[flow].api == Bytes{2.0 * 16 * 512 * 512});  // 2 B L D
}

RC_GTEST_PROP(Traffic, OfZeroIsOneOrOneAndAHalfTimesThatOfDataParallelism, ()) {  // I-16
  const int dp = 2 * power_of_two(32);
  const Scenario given = course(dp, 512, dp);  // one micro-batch
  const auto wire = [&](int zero) {
    const Traffic t = traffic(given, {.dp = dp, .zero = zero});
    return t[Flow::dp_all_reduce].wire + t[Flow::dp_reduce_scatter].wire + t[Flow::dp_all_gather].wire;
  };
  RC_ASSERT(wire(1) == wire(0));
  RC_ASSERT(wire(2) == wire(0));
  RC_ASSERT(wire(3) == 1.5 * wire(0));
}

// I-9: per rank 2 (k-1)/k, (k-1)/k or all of the bytes, rounded up to whole elements of the busiest rank.
RC_GTEST_PROP(Traffic, OnTheWireIsTheRingsShareOfTheApi, ()) {
  const auto [given, plan] = test::some_plan();
  const Traffic t = traffic(given, plan);
  for (std::size_t i = 0; i < flow_count; ++i) {
    const auto flow = static_cast<Flow>(i);
    const double api = t[flow].api.value(), wire = t[flow].wire.value();
    RC_ASSERT(api >= 0 && std::floor(api) == api && std::floor(wire) == wire);
    RC_ASSERT((api == 0) == (wire == 0));
    const double most = kind_of(flow) == CollectiveKind::all_reduce ? 2 : 1;
    RC_ASSERT(wire <= most * api);
    RC_ASSERT(wire >= most * api / 2);  // k = 2 sends half
  }
}

RC_GTEST_PROP(Traffic, IsOnlyThatOfTheDimensionsInUse, ()) {
  const auto [given, plan] = test::some_plan();
  const Traffic t = traffic(given, plan);
  for (std::size_t i = 0; i < flow_count; ++i) {
    const auto flow = static_cast<Flow>(i);
    if (t[flow].api == Bytes{0}) continue;
    switch (dimension_of(flow)) {
      case Dimension::tp:
        RC_ASSERT(plan.tp > 1);
        break;
      case Dimension::cp:
        RC_ASSERT(plan.cp > 1);
        break;
      case Dimension::ep:
        RC_ASSERT(plan.ep > 1);
        break;
      case Dimension::pp:
        RC_ASSERT(plan.pp > 1);
        break;
      case Dimension::dp:
        RC_ASSERT(plan.dp * plan.cp * (is_mixture(given.model) ? plan.tp : 1) > 1);
        break;
    }
  }
}

}  // namespace
}  // namespace forerun

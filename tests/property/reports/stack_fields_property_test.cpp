// Does any software stack, sensible or not, survive being written as YAML or as JSON and being read?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "costmodel/stacks/stack_fields.hpp"
#include "tests/support/random_fields.hpp"

namespace forerun {
namespace {

using namespace test;

double some_share() { return some_number(0, 1); }
Bytes some_bytes() { return some_quantity<Bytes>(0, 1e13); }
std::optional<DType> some_format() {
  return perhaps<DType>([] { return any_of(DType::nf4); });
}

Precision any_precision() {
  return {.parameters = some_format(),
          .gradients = some_format(),
          .gradient_copy = some_format(),
          .unit_gradients = some_format(),
          .reduction = some_format(),
          .master = some_format(),
          .moments = some_format(),
          .fp16_gradients = some_flag()};
}

void draw_states(Stack& stack) {
  stack.precision = any_precision();
  stack.dtype = *rc::gen::element(DType::bf16, DType::fp16, DType::fp8, DType::fp32, DType::fp64);
  stack.moments_paged = some_flag();
  stack.update_in_backward = some_flag();
  if (some_flag()) {
    stack.single_device = {.moments = some_format(), .moments_paged = some_flag(), .update_in_backward = some_flag()};
  }
  stack.zero = *rc::gen::inRange(0, 4);
}

void draw_supported(Stack& stack) {
  stack.zero_levels = some_list([] { return *rc::gen::inRange(0, 4); });
  for (bool* has : {&stack.has_tp, &stack.has_cp, &stack.has_ep, &stack.has_pp}) *has = some_flag();
  stack.schedules = some_list([] { return any_of(ScheduleKind::zb_auto); });
  stack.cuts_by_weights = some_flag();
  stack.layers_per_chunk = *rc::gen::inRange(0, 1001);
  stack.cp_kinds = some_list([] { return any_of(CpKind::ulysses); });
}

void draw_abilities(Stack& stack) {
  stack.sequence_parallel = some_flag();
  stack.attention = any_of(AttentionKernel::flash3);
  stack.selective_inside = some_list([] { return any_of(OperatorKind::loss); });
  stack.selective_outputs = some_list([] { return any_of(OperatorKind::loss); });
  stack.lora_rank = *rc::gen::inRange(1, (1 << 16) + 1);
  stack.lora_target.clear();
  for (int target = 0; target <= static_cast<int>(LowRankTarget::linear_fc2); ++target) {
    if (some_flag()) stack.lora_target.push_back(static_cast<LowRankTarget>(target));
  }
  stack.logit_saved = some_bytes();
  stack.logit_workspace = some_bytes();
  stack.fp8_weights = some_bytes();
  for (bool* trait :
       {&stack.small_exchanges, &stack.wide_attention, &stack.gradients_apart, &stack.fp8_saves, &stack.fp8_gathers,
        &stack.dropout, &stack.compiled, &stack.scatter_sends, &stack.steps_synchronize})
    *trait = some_flag();
}

void draw_speeds(Stack& stack) {
  OverlapAbility& o = stack.overlap;
  for (double* share : {&o.tp_forward, &o.tp_backward, &o.cp, &o.ep, &o.dp, &o.zero3, &o.pp, &stack.contention})
    *share = some_share();
  Reach& reach = stack.reach;
  for (double* factor : {&reach.gemm, &reach.attention, &reach.streaming, &reach.communication})
    *factor = some_flag() ? 1 : some_number(0.01, 10);
  stack.spread = perhaps<double>([] { return some_number(0, 3); });
  stack.host_per_kernel = some_quantity<Seconds>(0, 1);
  stack.host_per_step = some_quantity<Seconds>(0, 10);
  stack.host_update_rate = some_number(1e6, 1e13);
  stack.bucket = some_flag() ? 0 : some_number(1, 1e12);
  stack.optimizer_passes = some_number(0.1, 100);
}

Stack any_stack() {
  Stack stack{.name = some_text(), .aliases = some_list(some_text), .source = some_text()};
  draw_states(stack);
  draw_supported(stack);
  draw_abilities(stack);
  draw_speeds(stack);
  stack.allocator_reserve = some_share();
  stack.context = some_bytes();
  stack.communicator = some_bytes();
  stack.workspace = some_bytes();
  stack.reported = any_of(ReportedMemory::device);
  return stack;
}

RC_GTEST_PROP(AnyStack, IsReadAsItWasWritten, ()) {
  for (int i = 0; i < values_a_case; ++i) expect_to_survive(stack_fields(), any_stack());
}

}  // namespace
}  // namespace forerun

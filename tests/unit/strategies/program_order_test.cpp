// Is a program that cannot end, or whose ranks do not agree, refused, with the stage and the micro-batch at fault?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strategies/plan_runs.hpp"
#include "strategies/simulation/check_order.hpp"
#include "strategies/simulation/replay_program.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;

// Two stages of two blocks, four micro-batches, 1F1B: stage 0 runs F0 F1 B0 F2 B1 F3 B2 B3, stage 1 F0 B0 F1 B1 F2 B2
// F3 B3. All sends stop their sender.
class Order : public testing::Test {
 protected:
  PricedScenario scenario_ =
      test::priced(test::course_scenario(2, {.sequence = 512, .global_batch = 4, .dtype = DType::fp16}, test::m7(4)));
  Program program_ = lower(scenario_, {.pp = 2});

  StageProgram& stage(std::size_t s) { return program_.stages[s]; }
  std::size_t call(std::size_t s, PassKind kind, int micro_batch) {
    const auto& calls = stage(s).calls;
    for (std::size_t n = 0; n < calls.size(); ++n) {
      const Body& body = stage(s).bodies[calls[n].body];
      if (body.chunk && body.kind == kind && calls[n].micro_batch == micro_batch) return n;
    }
    ADD_FAILURE() << "no such call";
    return 0;
  }
  Body& body(std::size_t s, PassKind kind) { return stage(s).bodies[stage(s).calls[call(s, kind, 0)].body]; }
  void swap_calls(std::size_t s, PassKind a, int first, PassKind b, int second) {
    std::swap(stage(s).calls[call(s, a, first)], stage(s).calls[call(s, b, second)]);
  }
  void erase_call(std::size_t s, PassKind kind, int micro_batch) {
    stage(s).calls.erase(stage(s).calls.begin() + static_cast<std::ptrdiff_t>(call(s, kind, micro_batch)));
  }

  template <class Which>
  static void erase(Body& body, Which which) {
    EXPECT_GT(std::erase_if(body.instructions, which), 0U);
  }
  static bool sends(const Instruction& in) {
    return in.code == Code::run && (in.lane == Lane::pp_forward || in.lane == Lane::pp_backward);
  }

  [[nodiscard]] Problems problems() const { return check_order(scenario_, program_); }
};

auto says(const std::string& where, const std::string& what) {
  return Contains(Field(&Problem::message, AllOf(HasSubstr(where), HasSubstr(what))));
}

TEST_F(Order, OfALoweredPlanIsSound) { EXPECT_TRUE(problems().empty()); }

TEST_F(Order, RefusesAMessageThatIsNeverSent) {
  erase(body(0, PassKind::forward), sends);
  EXPECT_THAT(problems(), says("stage 1, chunk 0, micro-batch 0", "waits for a message that nobody sends"));
}

TEST_F(Order, RefusesAMessageThatIsNeverReceived) {
  Body& own = body(1, PassKind::forward);
  const TokenId token = std::ranges::find(own.instructions, Code::receive, &Instruction::code)->token;
  erase(own, [&](const Instruction& in) { return in.token == token; });
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 0", "pp send_forward is never received"));
}

TEST_F(Order, RefusesAMessageThatIsSentTwice) {
  auto& instructions = body(0, PassKind::forward).instructions;
  instructions.push_back(instructions.back());
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 0", "pp send_forward is sent twice"));
}

TEST_F(Order, RefusesAPassThatRunsTwice) {
  stage(1).calls.push_back(stage(1).calls[call(1, PassKind::backward, 3)]);
  EXPECT_THAT(problems(), says("stage 1, chunk 0, micro-batch 3", "runs twice"));
}

TEST_F(Order, RefusesReceivingBeforeSendingOnBothSides) {
  // Stage 0 wants the gradient of micro-batch 1 before it has sent activation 2, stage 1 wants activation 2 before it
  // sends that gradient.
  swap_calls(0, PassKind::forward, 2, PassKind::backward, 1);
  swap_calls(1, PassKind::backward, 1, PassKind::forward, 2);
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 1", "never runs"));
  EXPECT_THAT(problems(), says("stage 1, chunk 0, micro-batch 2", "never runs"));
}

TEST_F(Order, RefusesMessagesTakenInAnotherOrderThanTheyCanCome) {
  // Stage 1 wants micro-batch 3 first; stage 0 sends it only after the gradient of micro-batch 1.
  swap_calls(1, PassKind::forward, 0, PassKind::forward, 3);
  EXPECT_THAT(problems(), says("stage 1, chunk 0, micro-batch 3", "never runs"));
}

TEST_F(Order, AllowsMessagesTakenInAnotherOrderThatCanCome) {
  // Stage 0 has sent 0 and 1 before it waits: sends are buffered.
  swap_calls(1, PassKind::forward, 0, PassKind::forward, 1);
  swap_calls(1, PassKind::backward, 0, PassKind::backward, 1);
  EXPECT_TRUE(problems().empty());
}

TEST_F(Order, RefusesStagesThatRunEachOthersOrder) {
  std::vector<Call> exchanged[2];
  for (std::size_t n = 0; n < stage(0).calls.size(); ++n) {  // stage 0 has no warm-up, stage 1 has its
    const auto other = [&](std::size_t from, std::size_t to) {
      const Body& b = stage(from).bodies[stage(from).calls[n].body];
      return !b.chunk ? stage(to).calls[n] : stage(to).calls[call(to, b.kind, stage(from).calls[n].micro_batch)];
    };
    exchanged[0].push_back(other(1, 0)), exchanged[1].push_back(other(0, 1));
  }
  stage(0).calls = exchanged[0], stage(1).calls = exchanged[1];
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 0", "never runs"));
  EXPECT_THAT(problems(), says("stage 1, chunk 0, micro-batch 1", "never runs"));
}

TEST_F(Order, RefusesABackwardBeforeItsForward) {
  swap_calls(1, PassKind::forward, 2, PassKind::backward, 2);
  EXPECT_THAT(problems(), says("stage 1, chunk 0, micro-batch 2", "backward before its forward"));
}

TEST_F(Order, RefusesAMicroBatchThatAStageLeavesOut) {
  erase_call(1, PassKind::forward, 3), erase_call(1, PassKind::backward, 3);
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 3", "pp send_forward is never received"));
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 3", "waits for a message that nobody sends"));
}

TEST_F(Order, RefusesAForwardWithoutItsBackward) {
  erase_call(1, PassKind::backward, 3);
  EXPECT_THAT(problems(), says("stage 1, chunk 0, micro-batch 3", "no backward"));
}

TEST_F(Order, RefusesAWaitForWhatWasNeverIssued) {
  auto& instructions = body(0, PassKind::backward).instructions;
  instructions.push_back({.code = Code::wait, .token = TokenId{7777}});
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 0", "never issued"));
}

TEST_F(Order, RefusesWeightsBeforeInputs) {
  program_ = lower(scenario_, {.pp = 2, .schedule = ScheduleKind::zb_h1});
  EXPECT_TRUE(problems().empty());
  swap_calls(1, PassKind::input_gradient, 0, PassKind::weight_gradient, 0);
  EXPECT_THAT(problems(), says("stage 1, chunk 0, micro-batch 0", "before those of the inputs"));
}

// Two ranks of one stage with programs of their own, which reduce within a tensor-parallel group.
class CollectiveOrder : public Order {
 protected:
  void SetUp() override {
    scenario_ =
        test::priced(test::course_scenario(4, {.sequence = 512, .global_batch = 2, .dtype = DType::fp16}, test::m7(2)));
    program_ = lower(scenario_, {.tp = 2, .dp = 2}, {.every_rank = true, .different = {}});
    program_.stages.push_back(program_.stages[0]);
    program_.roles[1].program = 1;
  }
  // The places of the collectives' issues.
  static std::vector<std::size_t> issues(const Body& body, Lane lane) {
    std::vector<std::size_t> list;
    for (std::size_t i = 0; i < body.instructions.size(); ++i) {
      if (body.instructions[i].code == Code::run && body.instructions[i].lane == lane) list.push_back(i);
    }
    return list;
  }
};

TEST_F(CollectiveOrder, OfALoweredPlanIsSound) { EXPECT_TRUE(problems().empty()); }

TEST_F(CollectiveOrder, RefusesACollectiveThatAMemberSkips) {
  Body& own = body(1, PassKind::forward);
  const std::size_t last = issues(own, Lane::tp).back();
  const TokenId token = own.instructions[last].token;
  erase(own, [&](const Instruction& in) { return in.token == token; });
  EXPECT_THAT(problems(), says("stage 0", "tp all_reduce is joined by 1 of 2 roles"));
}

TEST_F(CollectiveOrder, RefusesCollectivesOfDifferentSizesInOnePlace) {
  Body& own = body(1, PassKind::forward);
  const std::uint32_t work = own.instructions[issues(own, Lane::tp)[1]].work;
  std::get<Communication>(stage(1).works[work]).elements /= 2;
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 0", "meets"));
}

TEST_F(CollectiveOrder, RefusesCollectivesOfTwoGroupsInDifferentOrder) {
  // Rank 0 reduces within {0, 1} and then within {0, 2}; ranks 1 to 3 reduce within their copies first. Both wait at
  // once.
  const auto blocking = [&](std::size_t s, GroupKind first, GroupKind second) {
    Body& own = body(s, PassKind::forward);
    std::uint32_t token = 500;
    for (const GroupKind group : {first, second}) {
      const Flow flow = group == GroupKind::tp ? Flow::tp_all_reduce : Flow::dp_all_reduce;
      stage(s).works.push_back(Communication{.flow = flow, .group = group, .elements = 1024, .element = Bytes{2}});
      const auto work = static_cast<std::uint32_t>(stage(s).works.size() - 1);
      own.instructions.push_back({.lane = lane_of(flow), .token = TokenId{++token}, .work = work});
      own.instructions.push_back({.code = Code::wait, .token = TokenId{token}});
    }
  };
  program_.stages.push_back(stage(0)), program_.stages.push_back(stage(0));
  program_.roles[2].program = 2, program_.roles[3].program = 3;
  for (const std::size_t s : {0, 3}) blocking(s, GroupKind::tp, GroupKind::dp);
  for (const std::size_t s : {1, 2}) blocking(s, GroupKind::tp, GroupKind::dp);
  EXPECT_TRUE(problems().empty());
  SetUp();
  program_.stages.push_back(stage(0)), program_.stages.push_back(stage(0));
  program_.roles[2].program = 2, program_.roles[3].program = 3;
  for (const std::size_t s : {0, 3}) blocking(s, GroupKind::tp, GroupKind::dp);
  for (const std::size_t s : {1, 2}) blocking(s, GroupKind::dp, GroupKind::tp);
  EXPECT_THAT(problems(), says("stage 0, chunk 0, micro-batch 0", "never runs"));
}

}  // namespace
}  // namespace forerun

// Does a lowered block hand the right bytes to the right groups at the right places?
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "strategies/programs/blocks/block_program.hpp"
#include "strategies/programs/blocks/lower_block.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

constexpr double mib = 1048576.0;

Scenario long_sequence(int length = 131072) {
  return test::course_scenario(8, {.sequence = length, .global_batch = 1, .dtype = DType::fp16}, test::m7(1));
}
BlockProgram lowered(const Scenario& given, const Split& split) {
  return lower_block(given, given.model.blocks.front(), split);
}

Traffic traffic(const BlockProgram& block, PassKind pass, int k) {
  Traffic sum;
  for (const Instruction& in : block.pass(pass).instructions) {
    if (in.code != Code::run) continue;
    if (const auto* c = std::get_if<Communication>(&block.works[in.work])) sum.add(c->flow, c->elements, c->element, k);
  }
  return sum;
}

// Kinds of operators and flows in the order in which they run; "|" is a wait.
std::string order(const BlockProgram& block, PassKind pass, bool waits = false) {
  std::string text;
  for (const Instruction& in : block.pass(pass).instructions) {
    if (in.code == Code::wait && waits) text += " |";
    if (in.code != Code::run) continue;
    const Work& work = block.works[in.work];
    if (const auto* c = std::get_if<Communication>(&work)) text += fmt::format(" [{}]", name_of(c->flow));
    if (const auto* k = std::get_if<Computation>(&work); k != nullptr && !k->kernels.empty()) {
      text += fmt::format(" {}{}", to_string(k->kind),
                          k->part == Part::input_gradient    ? ".B"
                          : k->part == Part::weight_gradient ? ".W"
                                                             : "");
    }
  }
  return text;
}
std::string operators(std::initializer_list<std::string> list) {
  std::string text;
  for (const std::string& entry : list) text += " " + entry;
  return text;
}
std::string name(OperatorKind kind) { return std::string(to_string(kind)); }

using enum OperatorKind;

TEST(LoweredBlock, SavesWhatItsOperatorsSave) {
  // M7, s = 4096, no norms, no dropout: attention input 2, QKV 6, probabilities 2 a s / h, attention output 2, input of
  // the MLP 2, both sides of its activation 16.
  const Scenario given = long_sequence(4096);
  const BlockProgram block = lowered(given, {});
  Bytes sum{0};
  for (const TensorId id : saved_tensors(block)) sum += block.tensors[id].bytes;
  EXPECT_EQ(sum.value(), 4096.0 * 4096 * (2 + 6 + 2 + 2 + 16) + 2 * 32 * 4096.0 * 4096);
  const auto list =
      block_operators(given.model, given.model.blocks.front(), local_tokens(given.job, {}, given.model.blocks.front()),
                      implementation(given.stack, given.job));
  EXPECT_EQ(sum, saved_bytes(list));
}

TEST(LoweredBlock, UnderTensorParallelismReducesAfterRowCutProducts) {
  const BlockProgram block = lowered(long_sequence(4096), {.tp = 8});
  EXPECT_EQ(
      order(block, PassKind::forward),
      operators({name(qkv), name(attention_core), name(attention_output), "[all_reduce]", name(attention_residual),
                 name(up), name(activation), name(down), "[all_reduce]", name(feed_forward_residual)}));
  const double activation_bytes = 2 * 4096.0 * 4096;
  EXPECT_EQ(traffic(block, PassKind::forward, 8)[Flow::tp_all_reduce].api.value(), 2 * activation_bytes);
  EXPECT_EQ(traffic(block, PassKind::backward, 8)[Flow::tp_all_reduce].api.value(), 2 * activation_bytes);
}

TEST(LoweredBlock, UnderSequenceParallelismGathersBeforeAndScattersAfter) {
  const BlockProgram block = lowered(long_sequence(4096), {.tp = 8, .sp = true});
  EXPECT_EQ(order(block, PassKind::forward),
            operators({"[all_gather]", name(qkv), name(attention_core), name(attention_output), "[reduce_scatter]",
                       name(attention_residual), "[all_gather]", name(up), name(activation), name(down),
                       "[reduce_scatter]", name(feed_forward_residual)}));
}

TEST(LoweredBlock, SendsForwardWhatTheCourseSays) {
  // E44, E45: L = 131072, p = 8, D = 4096: x = 2 L D = 1 GiB. Ulysses moves 4 x/p, the ring 2 x/p seven times,
  // Megatron's SP 4 x; 7/8 of the collectives' bytes are sent.
  const Scenario given = long_sequence();
  const auto wire = [&](const Split& split, std::initializer_list<Flow> flows) {
    const Traffic t = traffic(lowered(given, split), PassKind::forward, 8);
    double sum = 0;
    for (const Flow flow : flows) sum += t[flow].wire.value();
    return sum / mib;
  };
  EXPECT_EQ(wire({.cp = 8, .cp_kind = CpKind::ulysses}, {Flow::cp_all_to_all}), 448);
  EXPECT_EQ(wire({.cp = 8, .cp_kind = CpKind::ring}, {Flow::cp_send}), 1792);
  EXPECT_EQ(wire({.tp = 8, .sp = true}, {Flow::tp_all_gather, Flow::tp_reduce_scatter}), 3584);
}

TEST(LoweredBlock, OfUlyssesExchangesAroundTheCoreAlone) {
  const BlockProgram block = lowered(long_sequence(), {.cp = 8, .cp_kind = CpKind::ulysses});
  EXPECT_EQ(order(block, PassKind::forward),
            operators({name(qkv), "[all_to_all]", name(attention_core), "[all_to_all]", name(attention_output),
                       name(attention_residual), name(up), name(activation), name(down), name(feed_forward_residual)}));
  EXPECT_NE(order(block, PassKind::input_gradient).find("[all_to_all] " + name(attention_core) + ".B [all_to_all]"),
            std::string::npos);
}

TEST(LoweredBlock, OfARingSendsWhileItComputes) {
  Scenario given = long_sequence();
  given.stack.attention = AttentionKernel::flash2;
  const std::string text = order(lowered(given, {.cp = 4, .cp_kind = CpKind::ring}), PassKind::forward, true);
  const std::string core = name(attention_core),
                    step = " [send] " + core + " |";  // on its way, while a piece is computed; then waited for
  EXPECT_NE(text.find(" " + name(qkv) + step + step + step + " " + core + " " + core + " " + name(attention_output)),
            std::string::npos)
      << text;  // the last two: a piece, and the sum
}

Scenario experts() {
  Model model = test::m7(1);
  model.blocks[0].feed_forward = Moe{.experts = 64, .top_k = 6, .width = 1408, .gated = false};
  return test::course_scenario(8, {.sequence = 4096, .global_batch = 8, .dtype = DType::fp16}, model);
}

TEST(LoweredBlock, OfExpertsSendsCopiesThereAndBack) {
  // E41: 4096 local tokens x 6 copies x 4096 x 2 bytes = 192 MiB handed over, 7/8 sent, in each of four exchanges.
  const BlockProgram block = lowered(experts(), {.ep = 8});
  for (const PassKind pass : {PassKind::forward, PassKind::backward}) {
    const Volume v = traffic(block, pass, 8)[Flow::ep_all_to_all];
    EXPECT_EQ(v.api.value() / mib, 2 * 192);
    EXPECT_EQ(v.wire.value() / mib, 2 * 168);
  }
  const std::string text = order(block, PassKind::forward);
  EXPECT_NE(text.find(name(dispatch) + " [all_to_all] " + name(up)), std::string::npos) << text;
  EXPECT_NE(text.find(name(down) + " [all_to_all] " + name(combine)), std::string::npos) << text;
}

TEST(LoweredBlock, OfCutExpertsGathersTheirRows) {
  // Two ranks hold half of each expert: both need the rows of both, 2 x 6 x 4096 of them; partial sums are scattered
  // again.
  const BlockProgram block = lowered(experts(), {.ep = 4, .etp = 2});
  const Traffic t = traffic(block, PassKind::forward, 2);
  EXPECT_EQ(t[Flow::ep_all_gather].api.value() / mib, 2 * 192);
  EXPECT_EQ(t[Flow::ep_reduce_scatter].api.value() / mib, 2 * 192);
  EXPECT_EQ(t[Flow::ep_all_gather].wire.value() / mib, 192);
  EXPECT_EQ(block.expert_parameters, 16LL * 2 * 4096 * 1408 / 2);  // 16 experts, half of each
  const std::string text = order(block, PassKind::forward);
  EXPECT_NE(text.find("[all_to_all] [all_gather] " + name(up)), std::string::npos) << text;
  EXPECT_NE(text.find(name(down) + " [reduce_scatter] [all_to_all]"), std::string::npos) << text;
}

TEST(LoweredBlock, OfSkewedExpertsComputesTheLoadButWaitsForTheBusiest) {
  Scenario given = experts();
  given.job.expert_skew = 1.5;
  const Block& block = given.model.blocks.front();
  const auto rows = [&](double load) {
    const BlockProgram program = lower_block(given, block, {.ep = 8}, load);
    for (const Instruction& in : program.pass(PassKind::forward).instructions) {
      const auto* c = in.code == Code::run ? std::get_if<Computation>(&program.works[in.work]) : nullptr;
      if (c != nullptr && c->kind == down) {
        std::int64_t sum = 0;
        for (const Kernel& kernel : c->kernels) {
          if (const auto* gemm = std::get_if<Gemm>(&kernel)) sum += gemm->m * gemm->batch;
        }
        return sum;
      }
    }
    return std::int64_t{0};
  };
  EXPECT_EQ(rows(1), 6 * 4096);
  EXPECT_EQ(rows(1.5), 9 * 4096);
  const BlockProgram light = lower_block(given, block, {.ep = 8}, 0.5);
  for (const Work& work : light.works) {
    const auto* c = std::get_if<Communication>(&work);
    if (c == nullptr || c->group != GroupKind::ep) continue;
    EXPECT_EQ(c->load, 1.5);
  }
  // Rows gathered over etp are counted with the load of these experts already.
  const BlockProgram cut = lower_block(given, block, {.ep = 4, .etp = 2}, 1.5);
  for (const Work& work : cut.works) {
    const auto* c = std::get_if<Communication>(&work);
    if (c == nullptr || c->group != GroupKind::etp) continue;
    EXPECT_EQ(c->load, 1);
    EXPECT_EQ(c->elements, 2 * 9 * 4096LL * 4096);
  }
}

TEST(LoweredBlock, OfARankWithoutRowsLetsItsTokensGo) {
  // Copies of the tokens are sent off, nothing comes; what other ranks made of them comes back.
  const Scenario given = experts();
  const BlockProgram block = lower_block(given, given.model.blocks.front(), {.ep = 8}, 0);
  std::vector<double> came;
  const Body& body = block.pass(PassKind::forward);
  for (const Instruction& in : body.instructions) {
    const auto* c = in.code == Code::run ? std::get_if<Communication>(&block.works[in.work]) : nullptr;
    if (c == nullptr) continue;
    ASSERT_EQ(in.writes, 1);
    const TensorId to = body.operands[in.first_operand + in.reads];
    EXPECT_NE(to, body.operands[in.first_operand]);
    came.push_back(block.tensors[to].bytes.value() / mib);
  }
  EXPECT_EQ(came, (std::vector<double>{0, 192}));
  const auto saved = [](const BlockProgram& program) {
    Bytes sum{0};
    for (const TensorId id : saved_tensors(program)) sum += program.tensors[id].bytes;
    return sum.value() / mib;
  };
  // Of 6 copies of each of 4096 tokens: the experts' inputs, and both sides of their activation.
  EXPECT_EQ(saved(lower_block(given, given.model.blocks.front(), {.ep = 8})) - saved(block),
            6 * 4096.0 * 2 * (4096 + 2 * 1408) / mib);
}

TEST(LoweredBlock, OfAnEmbeddingLeavesItsOutput) {
  Scenario given = long_sequence(4096);
  given.model.vocab = 1024;
  for (const bool sp : {false, true}) {
    const BlockProgram embedding = lower_embedding(given, {.tp = 8, .sp = sp});
    double left = 0;
    const Body& body = embedding.pass(PassKind::forward);
    for (const Instruction& in : body.instructions) {
      for (std::uint32_t i = 0; i < std::uint32_t{in.allocates} + in.releases; ++i) {
        left += (i < in.allocates ? 1 : -1) * embedding.tensors[body.touches[in.first_touch + i]].bytes.value();
      }
    }
    EXPECT_EQ(left, 2 * 4096.0 * 4096 / (sp ? 8 : 1));
  }
}

TEST(LoweredBlock, UnderSequenceParallelismKeepsOneCopyOfNarrowInputs) {
  // fp8 keeps the inputs of products in one byte; W gathers that copy, and the 16-bit one is let go.
  Scenario given =
      test::scenario(test::small_dense(1), "dgx-h100", 8, {.sequence = 1024, .global_batch = 1, .dtype = DType::fp8});
  const BlockProgram block = lowered(given, {.tp = 2, .sp = true});
  double inputs = 0;
  for (const TensorId id : saved_tensors(block))
    inputs += block.tensors[id].name == "attention input" || block.tensors[id].name == "activation"
                  ? block.tensors[id].bytes.value()
                  : 0;
  EXPECT_EQ(inputs, 1024 / 2 * 512);
}

TEST(LoweredBlock, WithAParallelResidualHasNoSecondNormToRunAgain) {
  // Falcon's blocks: one norm. Software that drops the output of the second one finds nothing to drop.
  Scenario given = test::scenario(test::small_dense(1), "dgx-h100", 8, {.sequence = 1024, .global_batch = 1});
  given.model.blocks.front().norms = 1;
  const auto saved = [&](std::vector<OperatorKind> dropped) {
    given.stack.selective_outputs = std::move(dropped);
    const BlockProgram block = lowered(given, {.recompute = Recompute::selective});
    double bytes = 0;
    for (const TensorId id : saved_tensors(block)) bytes += block.tensors[id].bytes.value();
    return bytes;
  };
  EXPECT_EQ(saved({OperatorKind::feed_forward_norm}), saved({}));
  EXPECT_LT(saved({OperatorKind::attention_norm}), saved({}));
}

}  // namespace
}  // namespace forerun

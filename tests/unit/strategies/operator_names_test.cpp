// Does lowering ask what operators say of themselves, and never which operators they are?
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "strategies/programs/blocks/lower_block.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

// Another name for each operator: the names after it, in a circle.
OperatorKind renamed(OperatorKind kind) {
  constexpr int names = static_cast<int>(OperatorKind::adapter) + 1;
  return static_cast<OperatorKind>((static_cast<int>(kind) + 5) % names);
}

void rename(std::vector<OperatorKind>& list) {
  for (OperatorKind& kind : list) kind = renamed(kind);
}

void rename(std::vector<Operator>& list) {
  for (Operator& op : list) {
    op.kind = renamed(op.kind);
    for (SavedTensor& saved : op.saves) saved.producer = renamed(saved.producer);
  }
}

std::string text(const Work& work) {
  if (const auto* c = std::get_if<Communication>(&work)) {
    return fmt::format("{} over {} of {} x {} B, overlapped {}, load {}, home {}", name_of(c->flow),
                       static_cast<int>(c->group), c->elements, c->element.value(), c->hidden, c->load, c->home);
  }
  const auto& computation = std::get<Computation>(work);
  std::string out = fmt::format("part {} extent {}:", static_cast<int>(computation.part), computation.extent.index());
  for (const Kernel& kernel : computation.kernels)
    out += fmt::format(" {} FLOPs {} B", flops(kernel).value(), bytes_moved(kernel).value());
  return out;
}

// All of a program but the names of its operators.
std::string text(const BlockProgram& block) {
  std::string out =
      fmt::format("{} {} {} {}\n", block.parameters, block.expert_parameters, block.replicated, block.frozen);
  for (const Tensor& tensor : block.tensors)
    out += fmt::format("{} {} {}\n", tensor.name, static_cast<int>(tensor.kind), tensor.bytes.value());
  for (const Work& work : block.works) out += text(work) + "\n";
  for (const Body& body : block.passes) {
    for (const Instruction& in : body.instructions) {
      out += fmt::format("{} {} {} {} {} {} {} {} {}\n", static_cast<int>(in.code), static_cast<int>(in.lane),
                         in.interleaved, index(in.token), in.reads, in.writes, in.allocates, in.releases, in.work);
    }
    out += fmt::format("{} | {}\n", fmt::join(body.operands, " "), fmt::join(body.touches, " "));
  }
  return out;
}

std::string lowered(Scenario given, const Split& split, bool other_names) {
  const Block& block = given.model.blocks.back();
  const TokenShape shape = local_tokens(given.job, split, block);
  std::vector<Operator> operators =
      block_operators(given.model, shard(block, split.tp, split.etp), shape, implementation(given.stack, given.job));
  if (other_names) {
    rename(operators);
    rename(given.stack.selective_inside);
    rename(given.stack.selective_outputs);
  }
  const BlockParts parts{.stack = given.stack,
                         .operators = operators,
                         .exchanges = block_exchanges(given, block.hidden, split, shape, operators),
                         .row = boundary_bytes(given, split),
                         .runs_backward = true};
  return text(lower(parts, split.recompute, true));
}

TEST(Lowering, IsTheSameUnderOtherNames) {
  const std::vector<Split> splits{{},
                                  {.tp = 2},
                                  {.tp = 2, .sp = true},
                                  {.cp = 4},
                                  {.cp = 4, .cp_kind = CpKind::all_gather},
                                  {.cp = 4, .cp_kind = CpKind::ulysses},
                                  {.tp = 2, .sp = true, .ep = 2, .etp = 2}};
  const std::vector<Tuning> tunings{
      {},
      {.kind = TuningKind::adapter, .width = 32},
      {.kind = TuningKind::lora, .rank = 8, .target = {LowRankTarget::linear_qkv, LowRankTarget::linear_fc2}}};
  for (const Model& model : {test::small_dense(1), test::small_mixture(2)}) {
    for (const Tuning& tuning : tunings) {
      for (Split split : splits) {
        for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
          split.recompute = recompute;
          const Scenario given =
              test::scenario(model, "dgx-h100", 8, {.sequence = 1024, .global_batch = 8, .tuning = tuning});
          EXPECT_EQ(lowered(given, split, true), lowered(given, split, false));
        }
      }
    }
  }
}

}  // namespace
}  // namespace forerun

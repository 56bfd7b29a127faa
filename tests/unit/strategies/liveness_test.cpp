// Does each tensor of a block live as long as it is needed, and no longer?
#include <gtest/gtest.h>

#include "strategies/programs/blocks/liveness.hpp"

namespace forerun {
namespace {

using Tensors = std::vector<TensorId>;

// Writes passes by hand.
class Liveness : public testing::Test {
 protected:
  static constexpr TensorId a = 4, saved = 5;

  Liveness() {
    for (const std::string_view name : {"input", "output", "output's gradient", "input's gradient", "a", "saved"})
      block_.tensors.push_back({name, MemoryKind::transient, Bytes{1}});
  }
  void add(PassKind pass, Instruction in, const Tensors& reads, const Tensors& writes) {
    Body& body = block_.passes[static_cast<std::size_t>(pass)];
    in.first_operand = static_cast<std::uint32_t>(body.operands.size());
    in.reads = static_cast<std::uint16_t>(reads.size()), in.writes = static_cast<std::uint16_t>(writes.size());
    body.operands.insert(body.operands.end(), reads.begin(), reads.end());
    body.operands.insert(body.operands.end(), writes.begin(), writes.end());
    body.instructions.push_back(in);
  }
  Tensors allocated(PassKind pass, std::size_t i) { return touched(pass, i, true); }
  Tensors released(PassKind pass, std::size_t i) { return touched(pass, i, false); }

  BlockProgram block_;

 private:
  Tensors touched(PassKind pass, std::size_t i, bool allocates) {
    const Body& body = block_.pass(pass);
    const Instruction& in = body.instructions[i];
    const auto first = body.touches.begin() + in.first_touch, middle = first + in.allocates;
    return allocates ? Tensors(first, middle) : Tensors(middle, middle + in.releases);
  }
};

constexpr TensorId input = BlockProgram::input, output = BlockProgram::output,
                   output_gradient = BlockProgram::output_gradient, input_gradient = BlockProgram::input_gradient;
constexpr PassKind forward = PassKind::forward, backward = PassKind::backward, b = PassKind::input_gradient,
                   w = PassKind::weight_gradient;

TEST_F(Liveness, EndsWithTheLastUse) {
  add(forward, {}, {input}, {a});
  add(forward, {}, {a}, {output});
  add(backward, {}, {output_gradient}, {input_gradient});
  find_lifetimes(block_, true, true);
  EXPECT_EQ(allocated(forward, 0), Tensors{a});
  EXPECT_EQ(released(forward, 0), Tensors{input});  // nothing backward wants it
  EXPECT_EQ(allocated(forward, 1), Tensors{output});
  EXPECT_EQ(released(forward, 1), Tensors{a});  // the output stays: the next block's
  EXPECT_EQ(allocated(backward, 0), Tensors{input_gradient});
  EXPECT_EQ(released(backward, 0), Tensors{output_gradient});
}

TEST_F(Liveness, OfWhatBackwardReadsLastsUntilThen) {
  add(forward, {}, {input}, {saved, output});
  add(backward, {}, {output_gradient, saved}, {a});
  add(backward, {}, {a, input}, {input_gradient});
  find_lifetimes(block_, true, true);
  EXPECT_EQ(released(forward, 0), Tensors{});
  EXPECT_EQ(block_.tensors[saved].kind, MemoryKind::activations);
  EXPECT_EQ(block_.tensors[input].kind, MemoryKind::activations);
  EXPECT_EQ(block_.tensors[a].kind, MemoryKind::transient);
  EXPECT_EQ(released(backward, 0), (Tensors{output_gradient, saved}));
  EXPECT_EQ(released(backward, 1), (Tensors{input, a}));
}

TEST_F(Liveness, OfWhatOnlyWReadsLastsBeyondB) {
  add(forward, {}, {input}, {saved, output});
  add(b, {}, {output_gradient}, {input_gradient});
  add(w, {}, {output_gradient, saved}, {});
  find_lifetimes(block_, true, true);
  EXPECT_EQ(released(b, 0), Tensors{});  // the output's gradient waits for W as well
  EXPECT_EQ(released(w, 0), (Tensors{output_gradient, saved}));
}

TEST_F(Liveness, OnAnotherLaneEndsWithTheWait) {
  add(forward, {.lane = Lane::tp, .token = TokenId{1}}, {input}, {a});
  add(forward, {}, {}, {});
  add(forward, {.code = Code::wait, .token = TokenId{1}}, {}, {});
  add(forward, {}, {a}, {output});
  find_lifetimes(block_, true, true);
  EXPECT_EQ(released(forward, 0), Tensors{});
  EXPECT_EQ(released(forward, 2), Tensors{input});
  EXPECT_EQ(released(forward, 3), Tensors{a});
}

TEST_F(Liveness, OfAnEmbeddingBeginsWithItsOutput) {
  add(forward, {}, {}, {output});
  add(backward, {}, {output_gradient}, {});
  find_lifetimes(block_, false, true);
  EXPECT_EQ(allocated(forward, 0), Tensors{output});
  EXPECT_EQ(released(forward, 0), Tensors{});
  EXPECT_EQ(released(backward, 0), Tensors{output_gradient});
}

}  // namespace
}  // namespace forerun

// Does a software stack store what its documentation says, and can each be found?
#include "costmodel/stacks/stack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/yaml.hpp"
#include "costmodel/collectives/collective.hpp"
#include "costmodel/parameters.hpp"
#include "costmodel/stacks/stack_parameters.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

using testing::Contains;
using testing::HasSubstr;

// Gigabytes of states of `psi` parameters over `ranks`, sharded as ZeRO does.
double zero_gigabytes(int zero, double psi, int ranks, const StateBytes& state) {
  const auto share = [&](int from) {
    return static_cast<double>(zero >= from ? shard_sizes(static_cast<std::int64_t>(psi), ranks).largest
                                            : static_cast<std::int64_t>(psi));
  };
  return (share(3) * state.parameter + share(2) * state.gradient + share(1) * state.optimizer).value() / 1e9;
}

const Job fp16{.sequence = 1, .global_batch = 1, .dtype = DType::fp16};

TEST(CourseStack, HasTheStatesOfTheZeroPaper) {
  const StateBytes state = state_bytes(find_stack("course")->precision, fp16);
  EXPECT_EQ(state.parameter, Bytes{2});
  EXPECT_EQ(state.gradient, Bytes{2});
  EXPECT_EQ(state.reduction, Bytes{2});
  EXPECT_EQ(state.optimizer, Bytes{12});  // K
  // E34: 7.5 B parameters over 64; E35: 7 B over 8.
  const double e34[] = {120, 31.40625, 16.640625, 1.875}, e35[] = {112, 38.5, 26.25, 14};
  for (int zero = 0; zero <= 3; ++zero) {
    EXPECT_NEAR(zero_gigabytes(zero, 7.5e9, 64, state), e34[zero], 1e-6);
    EXPECT_NEAR(zero_gigabytes(zero, 7e9, 8, state), e35[zero], 1e-6);
  }
}

TEST(CourseStack, FitsOnTheRanksOfE36) {
  const StateBytes state = state_bytes(find_stack("course")->precision, fp16);
  const auto smallest = [&](int zero, double psi, double gigabytes) {
    int ranks = 1;
    while (zero_gigabytes(zero, psi, ranks, state) > gigabytes) ++ranks;
    return ranks;
  };
  EXPECT_EQ(smallest(1, 7e9, 40), 7);
  EXPECT_EQ(smallest(2, 7e9, 40), 4);
  EXPECT_EQ(smallest(3, 7e9, 40), 3);
  EXPECT_EQ(smallest(3, 70e9, 80), 14);
}

TEST(MegatronCore, Keeps18BytesOr6And12Shared) {
  const StateBytes state = state_bytes(find_stack("megatron-core")->precision, {.dtype = DType::bf16});
  EXPECT_EQ(state.parameter + state.gradient, Bytes{6});
  EXPECT_EQ(state.optimizer, Bytes{12});
  EXPECT_EQ(state.reduction, Bytes{4});
}

TEST(MegatronLm, AccumulatesTheGradientsOfFp16InFp16) {
  const Precision precision = find_stack("megatron-lm")->precision;
  EXPECT_EQ(state_bytes(precision, {.dtype = DType::fp16}).gradient, Bytes{2});
  EXPECT_EQ(state_bytes(precision, {.dtype = DType::fp16}).reduction, Bytes{2});
  EXPECT_EQ(state_bytes(precision, {.dtype = DType::bf16}).gradient, Bytes{4});
}

TEST(OnDevices, RecipesForOneDeviceAreForFullTrainingOnOne) {
  const Device device = *find_device("rtx-4090");
  const Stack stack = *find_stack("torchtune");
  const Job full{.sequence = 1, .global_batch = 1};
  Job lora = full;
  lora.tuning.kind = TuningKind::lora;
  EXPECT_TRUE(on_devices(stack, device, 1, full).update_in_backward);
  EXPECT_EQ(state_bytes(on_devices(stack, device, 1, full).precision, full).optimizer, Bytes{2});
  EXPECT_EQ(on_devices(stack, device, 2, full), stack);
  EXPECT_EQ(on_devices(stack, device, 1, lora), stack);
}

TEST(OnDevices, WhatWasFittedToRunsOnOneFamilyIsNotOfAnother) {
  Stack stack = *find_stated_stack("megatron-core");
  apply(
      {.runs = "2", .families = {"blackwell"}, .spread = 0.05, .values = {{"reach.gemm", 1.2}, {"host.per_step", 0.5}}},
      stack);
  const Stack there = on_devices(stack, *find_device("b200-sxm-180gb"), 8, {}),
              elsewhere = on_devices(stack, *find_device("h100-sxm-80gb"), 8, {});
  EXPECT_EQ(there.reach.gemm, 1.2);
  EXPECT_EQ(there.spread, 0.05);
  EXPECT_EQ(elsewhere.reach, find_stated_stack("megatron-core")->reach);
  EXPECT_EQ(elsewhere.spread, std::nullopt);
  EXPECT_EQ(elsewhere.host_per_step, Seconds{0.5});  // of the host
}

TEST(OnDevices, AttentionIsWhatRunsThere) {
  const auto kernel = [](const char* stack, const char* device) {
    return on_devices(*find_stack(stack), *find_device(device), 8, {}).attention;
  };
  EXPECT_EQ(kernel("nemo", "h100-sxm-80gb"), AttentionKernel::flash3);
  EXPECT_EQ(kernel("nemo", "a100-sxm-80gb"), AttentionKernel::flash2);
  EXPECT_EQ(kernel("torchtitan", "v100-sxm-32gb"), AttentionKernel::unfused);
}

TEST(StateBytes, FollowOptimizerAndJob) {
  const Precision plain{};  // everything in the job's format, no master copy
  EXPECT_EQ(state_bytes(plain, {.dtype = DType::fp32, .optimizer = Optimizer::sgd}).optimizer, Bytes{0});
  EXPECT_EQ(state_bytes(plain, {.dtype = DType::fp32, .optimizer = Optimizer::momentum}).optimizer, Bytes{4});
  EXPECT_EQ(state_bytes(plain, {.dtype = DType::fp32, .optimizer = Optimizer::adamw}).optimizer, Bytes{8});
  EXPECT_EQ(state_bytes(plain, {.dtype = DType::fp8}).parameter, Bytes{2});  // fp8 is for products only
  EXPECT_EQ(state_bytes({.master = DType::fp32}, {.dtype = DType::bf16, .optimizer = Optimizer::sgd}).optimizer,
            Bytes{4});
}

TEST(Implementation, FollowsStackAndJob) {
  Stack stack;
  stack.attention = AttentionKernel::unfused;
  stack.precision.gradients = DType::fp32;
  stack.logit_saved = Bytes{6};
  const Implementation plain = implementation(stack, {.dtype = DType::fp16});
  EXPECT_EQ(plain, (Implementation{.attention = AttentionImplementation::unfused,
                                   .dtype = DType::fp16,
                                   .linear = DType::fp16,
                                   .saved_input = DType::fp16,
                                   .gradient = Bytes{4},
                                   .logit_saved = Bytes{6},
                                   .logit_workspace = Bytes{2}}));
  stack.attention = AttentionKernel::flash3;
  stack.precision.gradients = {};
  stack.fp8_saves = true;
  const Implementation fp8 = implementation(stack, {.dtype = DType::fp8});
  EXPECT_EQ(fp8.attention, AttentionImplementation::flash);
  EXPECT_EQ(fp8.dtype, DType::bf16);
  EXPECT_EQ(fp8.linear, DType::fp8);
  EXPECT_EQ(fp8.saved_input, DType::fp8);
  EXPECT_EQ(fp8.gradient, Bytes{2});
}

TEST(Stacks, AreAllReadable) {
  EXPECT_THAT(stack_names(), Contains("megatron-core"));
  for (const std::string& name : stack_names()) {
    const auto stack = find_stack(name);
    ASSERT_TRUE(stack) << to_string(stack.error());
    EXPECT_EQ(stack->name, name);
    EXPECT_FALSE(stack->source.empty());
    for (const std::string& alias : stack->aliases) EXPECT_EQ(find_stack(alias)->name, name) << alias;
  }
}

TEST(Stacks, ThatDoNotExistAreReportedWithANeighbour) {
  const auto stack = find_stack("megatron-cor");
  ASSERT_FALSE(stack);
  EXPECT_THAT(to_string(stack.error()), HasSubstr("did you mean 'megatron-core'?"));
  EXPECT_FALSE(find_stack("no/such/stack.yaml"));
}

TEST(Stacks, ReportEveryMistakeAtOnce) {
  const auto document = YamlDocument::parse("name: x\nattention: flash4\nzero: 4\ncolour: red\n", "x.yaml");
  read_stack(document->root());
  const std::string all = to_string(document->problems());
  EXPECT_THAT(all, HasSubstr("x.yaml:2:12"));
  EXPECT_THAT(all, HasSubstr("x.yaml:3:7"));
  EXPECT_THAT(all, HasSubstr("'colour'"));
  EXPECT_THAT(all, HasSubstr("precision"));  // missing
}

TEST(FamilyParameters, ExistForEveryDevice) {
  for (const std::string& name : device_names()) {
    const auto parameters = find_family_parameters(find_device(name)->family);
    ASSERT_TRUE(parameters) << name;
    EXPECT_EQ(parameters->family, find_device(name)->family);
    EXPECT_FALSE(parameters->source.empty());
  }
}

TEST(FamilyParameters, OfAnUnknownFamilyAreReportedWithANeighbour) {
  const auto parameters = find_family_parameters("hoper");
  ASSERT_FALSE(parameters);
  EXPECT_THAT(to_string(parameters.error()), HasSubstr("did you mean 'hopper'?"));
}

}  // namespace
}  // namespace forerun

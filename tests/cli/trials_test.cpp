// Public cases (tests/validation/data/trials): is what the software refuses refused, with the fact and its source, and
// is what it accepts accepted?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string trial(const std::string& name) {
  return std::string(FORERUN_ROOT "/tests/validation/data/trials/") + name + ".yaml";
}

TEST(Trials, AreRefusedWhereTheirSoftwareRefusesThem) {
  const auto refused = [](const std::string& name, const std::string& fact, const std::string& source) {
    const Answer answer = forerun_says("estimate " + trial(name));
    EXPECT_EQ(answer.code, 2) << name;
    EXPECT_THAT(answer.err, AllOf(HasSubstr(fact), HasSubstr(source))) << name;
  };
  refused("deepspeed-zero2-pp", "deepspeed requires pp = 1 or zero <= 1, but here pp 4, zero 2",
          "runtime/pipe/engine.py");
  refused("megatron-deepspeed-zero3-pp", "requires pp = 1 or zero <= 1, but here pp 4, zero 3",
          "runtime/pipe/engine.py");
  refused("titan-tp4-kv2", "kv_heads 2, tp 4", "pull requests 2577, 4016");
}

TEST(Trials, AreAcceptedWhereRecipesHaveThem) {
  const Answer bridge = forerun_says("estimate " + trial("bridge-dp1-zero1"));
  EXPECT_NE(bridge.code, 2) << bridge.err;
  EXPECT_THAT(bridge.out, HasSubstr("note: zero 1 shards over dp x cp, which is 1: nothing is sharded"));
}

nlohmann::json figures(const std::string& verb, const std::string& name) {
  const Answer answer = forerun_says(verb + " " + trial(name) + " --json");
  EXPECT_EQ(answer.code, 0) << answer.err;
  return nlohmann::json::parse(answer.out);
}

// Of Adam the host holds 16 bytes a parameter: master, two moments and the gradient in fp32 (DeepSpeed's estimator of
// ZeRO-Offload). Eight replicas without ZeRO hold eight times as much in their node of 2 TB.
TEST(Trials, CountTheMemoryOfTheHost) {
  constexpr std::int64_t parameters = 8'030'261'248;
  for (const std::string verb : {"estimate", "simulate"}) {
    EXPECT_EQ(figures(verb, "offload-1").at("memory").at("host"), 16 * parameters);
    EXPECT_EQ(figures(verb, "offload-8").at("memory").at("host"), 8 * 16 * parameters);
    EXPECT_EQ(figures(verb, "offload-8").at("memory").at("host_capacity"), 2'000'000'000'000);
  }
}

// FSDP within a pipeline: whole 16-bit parameters and fp32 gradients of the stage, whose states are a share of 1 / dp.
TEST(Trials, OfFsdpWithinAPipelineHoldTheStageWhole) {
  const nlohmann::json one = figures("estimate", "titan-405b-fsdp-pp-1f1b");
  EXPECT_EQ(one.at("plan").at("zero_exchange"), "once_a_step");
  const nlohmann::json& peak = one.at("memory").at("peak");
  const double gradients = peak.at("gradients").get<double>() / 4;  // parameters of the stage on one rank
  EXPECT_NEAR(peak.at("parameters").get<double>(), gradients * (2 + 4.0 / 8), 1e-3 * gradients);
  EXPECT_NEAR(peak.at("optimizer").get<double>(), gradients * 8 / 8, 1e-3 * gradients);
  // Published: 82.5 GiB, 100 tokens/s a GPU.
  EXPECT_NEAR(one.at("memory").at("total").get<double>() / (1 << 30), 82.5, 0.15 * 82.5);
  EXPECT_NEAR(one.at("tokens_per_s").get<double>() / 512, 100, 12);
}

}  // namespace
}  // namespace forerun

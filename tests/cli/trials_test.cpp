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

}  // namespace
}  // namespace forerun

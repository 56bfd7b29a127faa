// Does every key of a stack count, and is what is written of a stack the stack again?
#include "costmodel/stacks/stack_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/yaml.hpp"
#include "costmodel/stacks/stack_parameters.hpp"
#include "tests/support/field_changes.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

TEST(StackFields, AllCount) {
  Stack strict;
  strict.rules = {{.must = *Expression::parse("zero <= 1", rule_names()), .says = "so", .source = "a file"}};
  test::expect_every_key_to_count(stack_fields(), {Stack{}, strict});
}

// Rules name values by their place in an enum.
TEST(StackRules, NameWhatPlansName) {
  EXPECT_EQ(rule_names().size(), rule_name_count);
  const auto name_of = [](RuleName name) { return rule_names()[static_cast<std::size_t>(name)].name; };
  EXPECT_EQ(name_of(RuleName::tp), "tp");
  EXPECT_EQ(name_of(RuleName::zero_exchange), "zero_exchange");
  EXPECT_EQ(name_of(RuleName::micro_batches), "micro_batches");
  EXPECT_EQ(name_of(RuleName::heads), "heads");
  EXPECT_EQ(name_of(RuleName::hidden), "hidden");
}

TEST(StackRules, OfEveryShippedStackSayWhyAndWhere) {
  std::size_t rules = 0;
  for (const std::string& name : stack_names()) {
    const Stack stack = *find_stack(name);
    for (const StackRule& rule : stack.rules) {
      EXPECT_FALSE(rule.says.empty() || rule.source.empty() || rule.must.used().empty()) << name;
      ++rules;
    }
  }
  EXPECT_GT(rules, 20U);
}

TEST(StackFields, WriteEveryShippedStackWithItsFit) {
  for (const std::string& name : stack_names()) {
    const std::string text = to_yaml(*find_stack_file(name));
    const auto document = YamlDocument::parse(text, name);
    ASSERT_TRUE(document) << text;
    EXPECT_EQ(read_stack(document->root()), *find_stack(name)) << text;
    EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
  }
}

std::string problem_of(const std::string& path, const std::string& text) {
  Stack stack;
  const Result<void> done = stack_fields().set(stack, path, text);
  return done ? "" : to_string(done.error());
}

TEST(StackFields, TakeTheNamesOfTheTablesThatOthersUse) {
  EXPECT_THAT(problem_of("supports.schedules", "[1f1p]"), HasSubstr("did you mean '1f1b'?"));
  EXPECT_THAT(problem_of("supports.cp", "[rong]"), HasSubstr("did you mean 'ring'?"));
  EXPECT_THAT(problem_of("supports.dimensions", "[dp]"), HasSubstr("'dp'"));  // all stacks have it
  EXPECT_THAT(problem_of("dtype", "int4"), HasSubstr("'int4'"));              // no job may say it
}

// Neither word may stand for the other: a master copy in the job's format is not modelled.
TEST(StackFields, SayWhatStandsInForAFormat) {
  EXPECT_THAT(problem_of("precision.master", "job"), HasSubstr("'job'"));
  EXPECT_THAT(problem_of("precision.parameters", "none"), HasSubstr("'none'"));
  const fields::Value written = precision_fields().write({.gradients = DType::fp32});
  EXPECT_EQ(
      fields::flow_yaml(written),
      "{parameters: job, gradients: fp32, gradient_copy: none, unit_gradients: job, reduction: job, master: none, "
      "moments: job, fp16_gradients: false}");
}

}  // namespace
}  // namespace forerun

// Is a stack's fit to runs kept beside what its file states?
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "costmodel/stacks/stack_parameters.hpp"

namespace forerun {
namespace {

const StackFitRecord record{.runs = "7 of somewhere",
                            .date = "2026-11-21",
                            .families = {"ampere", "hopper"},
                            .left_out = 0.06,
                            .spread = 0.07,
                            .parameters = {"reach.gemm", "host.per_kernel"},
                            .values = {{"reach.gemm", 1.25}, {"host.per_kernel", 42e-6}}};

std::string saved(const std::string& text) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("forerun_stack_" + std::to_string(::getpid()) + ".yaml")).string();
  std::ofstream(path) << text;
  return path;
}

TEST(StackFitRecord, InAFileReplacesWhatTheFileStates) {
  const auto text = stack_text_with("course", record);
  ASSERT_TRUE(text);
  const std::string path = saved(*text);
  const Stack fitted = *find_stack(path), stated = *find_stated_stack(path);
  EXPECT_EQ(stated, *find_stack("course"));
  EXPECT_EQ(fitted.reach.gemm, 1.25);
  EXPECT_DOUBLE_EQ(fitted.host_per_kernel.value(), 42e-6);
  EXPECT_EQ(fitted.spread, 0.07);
  EXPECT_EQ(fitted.fitted_families, record.families);
  EXPECT_TRUE(stated.fitted_families.empty());
  EXPECT_EQ(stated.host_per_kernel.value(), 0);
  std::filesystem::remove(path);
}

TEST(StackFitRecord, OfOneModelHasNoSpreadWhichIsNotASpreadOfZero) {
  StackFitRecord one = record, exact = record;
  one.left_out = {}, one.spread = {};
  exact.spread = 0;
  const std::string text = *stack_text_with("course", one);
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("left_out")));
  EXPECT_EQ(find_stack(saved(text))->spread, std::nullopt);
  const std::string path = saved(*stack_text_with("course", exact));
  EXPECT_EQ(find_stack(path)->spread, 0);
  std::filesystem::remove(path);
}

TEST(StackFitRecord, SaysWhichParametersWereToBeFittedWhateverTheirValues) {
  StackFitRecord asked = record;
  asked.parameters = {"reach.gemm", "overlap.dp", "host.per_kernel"};
  const std::string path = saved(*stack_text_with("course", asked));
  EXPECT_EQ((*find_stack_fit(path))->parameters, asked.parameters);
  std::string text = *stack_text_with("course", record);
  const std::size_t line = text.find("  parameters:");
  saved(text.erase(line, text.find('\n', line) + 1 - line));
  EXPECT_THAT((*find_stack_fit(path))->parameters, testing::UnorderedElementsAre("reach.gemm", "host.per_kernel"));
  std::filesystem::remove(path);
  EXPECT_FALSE(*find_stack_fit("course"));
}

TEST(StackFitRecord, KeepsWhichRowsWereChosen) {
  StackFitRecord chosen = record;
  chosen.where = {"pp = 1", "notes ~ say \"no\", or: #"}, chosen.dropped = 12;
  const std::string path = saved(*stack_text_with("course", chosen));
  EXPECT_EQ((*find_stack_fit(path))->where, chosen.where);
  EXPECT_EQ((*find_stack_fit(path))->dropped, 12U);
  std::filesystem::remove(path);
}

TEST(StackFitRecord, KeepsAnyText) {
  StackFitRecord odd = record;
  odd.runs = "3 of \"me: C:\\runs\" # mine\nand yours", odd.date = "[soon";
  const auto text = stack_text_with("course", odd);
  ASSERT_TRUE(text) << to_string(text.error());
  const std::string path = saved(*text);
  EXPECT_EQ((*find_stack_fit(path))->runs, odd.runs);
  EXPECT_EQ((*find_stack_fit(path))->date, odd.date);
  std::filesystem::remove(path);
}

TEST(StackFitRecord, IsNotWrittenWhereItCouldNotBeReadAgain) {
  StackFitRecord twice = record;
  twice.values.push_back(twice.values.front());
  EXPECT_FALSE(stack_text_with("course", twice));
}

TEST(StackFitRecord, ASecondFitTakesTheFirstOnesPlaceAndTheRestStays) {
  StackFitRecord second = record;
  second.values = {{"reach.gemm", 0.75}};
  const std::string path = saved(*stack_text_with("course", record));
  const std::string text = *stack_text_with(path, second);
  std::filesystem::remove(path);
  EXPECT_EQ(text, *stack_text_with("course", second));
  EXPECT_EQ(text.find("fitted:"), text.rfind("fitted:"));
  EXPECT_THAT(text, testing::HasSubstr("precision:"));
}

TEST(StackFitRecord, UnknownAndImpossibleValuesAreRefusedAtTheirPlace) {
  StackFitRecord bad = record;
  std::string text = *stack_text_with("course", bad);
  text.replace(text.find("reach.gemm"), 10, "reach.gemn");
  const std::string path = saved(text);
  const auto stack = find_stack(path);
  std::filesystem::remove(path);
  ASSERT_FALSE(stack);
  EXPECT_THAT(to_string(stack.error()), testing::HasSubstr("reach.gemn"));
}

TEST(StackParameters, ReadBackWhatWasSet) {
  for (const StackParameter& p : stack_parameters()) {
    Stack stack;
    p.set(stack, p.high);
    EXPECT_DOUBLE_EQ(p.get(stack), p.high) << p.name;
    EXPECT_LT(p.low, p.high);
    EXPECT_EQ(find_stack_parameter(p.name), &p);
  }
  EXPECT_EQ(find_stack_parameter("nothing"), nullptr);
}

}  // namespace
}  // namespace forerun

// Is a run reported beside its prediction, with what a person should know before trusting the errors?
#include "reports/execution/executions_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "reports/execution/compared_rows.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ComparedRows, HaveAnErrorWhereSomethingWasPredicted) {
  const std::vector<Compared> rows{{"computation", 2, 2.5}, {"tp communication", 0, 1}};
  EXPECT_THAT(table_of("time", rows, seconds_text, 100), AllOf(HasSubstr("+25.0 %"), HasSubstr("2.500 s")));
  const nlohmann::ordered_json json = to_json(rows);
  EXPECT_EQ(json[0]["error"], 0.25);
  EXPECT_TRUE(json[1]["error"].is_null());
}

// A plan of two ranks on as many cores, and one of four that share two; errors of +10 % and -20 %.
class Executions : public testing::Test {
 protected:
  [[nodiscard]] std::vector<ExecutedPlan> rows(double others) const {
    const auto one = [&](const char* name, const Plan& plan, double predicted, double measured) {
      Comparison c{.step = {"step", predicted, measured}, .spread = 0.01};
      c.cores = 2, c.others = others;
      return ExecutedPlan{name, scenario_, plan, {}, std::move(c), true, true};
    };
    return {one("two", two_, 1, 1.1), one("four", four_, 2, 1.6)};
  }

  PricedScenario scenario_ =
      test::priced(test::scenario(test::small_dense(), "dgx-h100", 4, {.sequence = 1024, .global_batch = 4}));
  Plan two_{.dp = 2}, four_{.dp = 4};
};

TEST_F(Executions, AreScoredByWhetherRanksShareCores) {
  const nlohmann::json json = nlohmann::json::parse(json_text(rows(0)));
  EXPECT_EQ(json["a_core_a_rank"]["n"], 1);
  EXPECT_NEAR(json["a_core_a_rank"]["median"], 0.1, 1e-12);
  EXPECT_NEAR(json["more_ranks_than_cores"]["worst"], 0.2, 1e-12);
  EXPECT_EQ(json["kendall_tau"], 1);  // the slower one was predicted slower
  EXPECT_EQ(json["plans"][1]["ranks"], 4);
  EXPECT_TRUE(json["remarks"].empty());
  EXPECT_THAT(to_text(rows(0), 100), AllOf(HasSubstr("1 plan with a core a rank: error median 10.0 %, worst 10.0 %"),
                                           HasSubstr("Kendall's tau 1.000"), Not(HasSubstr("other programs"))));
}

TEST_F(Executions, SayWhenOtherProgramsHadTheCores) {
  const std::string said = "other programs had more than 3.0 % of the cores during 2 of 2 plans (up to 50.0 %)";
  EXPECT_THAT(to_text(rows(0.5), 100), HasSubstr(said));
  EXPECT_THAT(nlohmann::json::parse(json_text(rows(0.5)))["remarks"][0].get<std::string>(), HasSubstr(said));
}

}  // namespace
}  // namespace forerun

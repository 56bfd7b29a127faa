// Does `catalog` show what is known, and files of one's own, to people and to programs?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json parsed(const std::string& command) {
  const Answer answer = forerun_says(command + " --json");
  EXPECT_EQ(answer.code, 0) << answer.err;
  return json::parse(answer.out);
}

TEST(CatalogOfModels, CountsThirtyAndMoreAsTheyWerePublished) {
  const json models = parsed("catalog models");
  EXPECT_GE(models.size(), 30);
  for (const json& m : models) {
    const double computed = m.at("computed_parameters"), published = m.at("published_parameters");
    EXPECT_LE(std::abs(computed - published), m.at("published_uncertainty")) << m.at("name");
    EXPECT_EQ(m.at("published_exactly").get<bool>(), m.at("published_uncertainty") == 0) << m.at("name");
    EXPECT_LE(m.at("active_parameters"), m.at("computed_parameters")) << m.at("name");
    EXPECT_NE(m.at("source"), "") << m.at("name");
  }
}

class ConfigOf : public testing::TestWithParam<const char*> {};

TEST_P(ConfigOf, CountsWhatTheCatalogueCounts) {
  const std::string name = GetParam();
  const json file = parsed("catalog models tests/unit/workloads/data/" + name + ".config.json").at(0),
             known = parsed("catalog models " + name).at(0);
  for (const char* key : {"layers", "hidden", "vocab", "computed_parameters", "active_parameters"})
    EXPECT_EQ(file.at(key), known.at(key)) << key;
}

INSTANTIATE_TEST_SUITE_P(Models, ConfigOf,
                         testing::Values("llama3-8b", "mixtral-8x7b", "qwen3-30b-a3b", "deepseek-v3", "gpt2"),
                         [](const auto& one) { return test_name(one.param); });

// What is shown of one entry can be saved, changed and given back.
TEST(AnEntry, IsAFileThatCanBeReadBack) {
  const Scratch scratch;
  for (const std::string entry : {"models qwen3-30b-a3b", "gpus h100", "clusters dgx-h100", "stacks megatron-core"}) {
    const std::string kind = entry.substr(0, entry.find(' '));
    const Answer shown = forerun_says("catalog " + entry);
    ASSERT_EQ(shown.code, 0) << shown.err;
    std::ofstream(scratch.path() / "entry.yaml") << shown.out;
    const Answer again = forerun_says("catalog " + kind + " entry.yaml", scratch.path());
    EXPECT_EQ(again.code, 0) << again.err;
    EXPECT_EQ(again.out, shown.out);
  }
}

TEST(AnEntry, IsFoundByItsAliases) {
  EXPECT_EQ(forerun_says("catalog gpus H100_SXM").out, forerun_says("catalog gpus h100-sxm-80gb").out);
}

TEST(Catalogs, ListTheirEntriesUnderTheSameNamesInTablesAndJson) {
  for (const std::string kind : {"models", "gpus", "clusters", "stacks"}) {
    const std::string table = forerun_says("catalog " + kind, root, 200).out;
    const json entries = parsed("catalog " + kind);
    EXPECT_FALSE(entries.empty()) << kind;
    for (const json& entry : entries) EXPECT_THAT(table, HasSubstr("\n" + entry.at("name").get<std::string>() + " "));
  }
}

}  // namespace
}  // namespace forerun

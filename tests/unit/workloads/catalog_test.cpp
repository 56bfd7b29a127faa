// Are the catalogue's models those that were published, and is each found by its names?
#include "workloads/models/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/files/yaml.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

std::string problems_of(const Result<Model>& model) { return model ? "" : to_string(model.error()); }

Model found(const std::string& name) {
  const auto model = find_model(name);
  EXPECT_TRUE(model) << problems_of(model);
  return model.value_or(Model{});
}

class EveryModel : public testing::TestWithParam<std::string> {};

TEST_P(EveryModel, HasThePublishedSize) {
  const Model model = found(GetParam());
  EXPECT_EQ(model.name, GetParam());
  EXPECT_FALSE(model.source.empty());
  ASSERT_TRUE(model.published);
  EXPECT_FALSE(model.published->source.empty());
  EXPECT_LE(std::abs(static_cast<double>(parameter_count(model)) - model.published->parameters),
            model.published->uncertainty);
  EXPECT_TRUE(check(model).empty()) << to_string(check(model));
}

TEST_P(EveryModel, IsWrittenAsItIsRead) {
  const Model model = found(GetParam());
  const auto document = YamlDocument::parse(to_yaml(model), "written");
  ASSERT_TRUE(document);
  EXPECT_EQ(read_model(document->root()), model) << to_yaml(model);
  EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
}

TEST_P(EveryModel, IsFoundByEachAlias) {
  for (const auto& alias : found(GetParam()).aliases) EXPECT_EQ(found(alias).name, GetParam()) << alias;
}

INSTANTIATE_TEST_SUITE_P(Catalog, EveryModel, testing::ValuesIn(model_names()), [](const auto& one) {
  std::string name = one.param;
  std::replace_if(name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

TEST(Catalog, HasTheModelsThatPeopleAskFor) {
  const auto names = model_names();
  EXPECT_GE(names.size(), 70U);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(names, testing::IsSupersetOf({"gpt3-175b", "megatron-1t", "llama3-405b", "deepseek-v3", "qwen3-235b-a22b",
                                            "gpt-oss-120b"}));
}

// Counted by hand from the published shapes, so that neither the files nor the formulas are believed alone.
TEST(Catalog, CountsAgreeWithHand) {
  const auto count = [](const char* name) { return parameter_count(found(name)); };
  const std::int64_t d2 = 768;  // GPT-2: tied table, 1,024 positions, biases everywhere, LayerNorm
  EXPECT_EQ(count("gpt2"), (50257 + 1024) * d2 + 12 * (12 * d2 * d2 + (3 + 1 + 4 + 1) * d2 + 2 * 2 * d2) + 2 * d2);

  const std::int64_t h = 8192, kv = 8 * 128, w = 28672;  // Llama-3-70B
  EXPECT_EQ(count("llama3-70b"), 2 * 128256 * h + 80 * (2 * h * h + 2 * h * kv + 3 * h * w + 2 * h) + h);

  const std::int64_t m = 4096, e = 3 * 4096 * std::int64_t{14336};  // Mixtral-8x7B
  EXPECT_EQ(count("mixtral-8x7b"), 2 * 32000 * m + 32 * (2 * m * m + 2 * m * 1024 + 8 * e + 8 * m + 2 * m) + m);

  const std::int64_t b = 14336;  // BLOOM: a norm after the embedding
  EXPECT_EQ(count("bloom-176b"), 250880 * b + 2 * b + 70 * (12 * b * b + 9 * b + 4 * b) + 2 * b);

  const std::int64_t v = 7168, expert = 3 * v * 2048;  // DeepSeek-V3
  const std::int64_t attention =
      v * 1536 + 1536 + 1536 * 128 * 192 + v * (512 + 64) + 512 + 512 * 128 * (128 + 128) + 128 * 128 * v;
  EXPECT_EQ(count("deepseek-v3"),
            2 * 129280 * v + 61 * (attention + 2 * v) + 3 * (3 * v * 18432) + 58 * (257 * expert + 256 * v + 256) + v);
}

// The formula of Narayanan et al. 2021, equation 2: P = 12 l h^2 (1 + 13/(12 h) + (V + s)/(12 l h)); the final norm (2
// h) is not in it.
TEST(Catalog, MegatronModelsFollowTheFormulaOfThePaper) {
  for (const auto& name : model_names()) {
    if (!name.starts_with("megatron-")) continue;
    const Model model = found(name);
    const std::int64_t layers = static_cast<std::int64_t>(model.blocks.size()), hidden = model.hidden;
    EXPECT_EQ(parameter_count(model),
              12 * layers * hidden * hidden + 13 * layers * hidden + (51200 + 2048) * hidden + 2 * hidden)
        << name;
  }
}

// Billions that a token visits. OpenAI leaves the table at the input out (model card: 3.61 B and 5.13 B), Qwen counts
// it.
TEST(Catalog, ActiveParametersAgreeWithTheirPublishers) {
  const auto active = [](const char* name) { return static_cast<double>(active_parameter_count(found(name))) / 1e9; };
  const auto table = [](const char* name) { return static_cast<double>(embedding_parameters(found(name))) / 1e9; };
  EXPECT_NEAR(active("gpt-oss-20b") - table("gpt-oss-20b"), 3.61, 0.005);
  EXPECT_NEAR(active("gpt-oss-120b") - table("gpt-oss-120b"), 5.13, 0.005);
  EXPECT_NEAR(active("deepseek-v3"), 37, 1);
  EXPECT_NEAR(active("mixtral-8x7b"), 13, 0.5);
  EXPECT_NEAR(active("qwen3-235b-a22b"), 22, 0.5);
  EXPECT_NEAR(active("dbrx"), 36, 0.5);
}

TEST(FindModel, ForgivesSpelling) {
  for (const char* spelling :
       {"llama3-70b", "Llama-3-70B", "LLAMA 3 70b", "llama_3_70b", "meta-llama/Meta-Llama-3-70B", "Meta-Llama-3-70B"}) {
    EXPECT_EQ(found(spelling).name, "llama3-70b") << spelling;
  }
  EXPECT_EQ(found("llama3-405b").name, found("llama3.1-405b").name);
}

TEST(FindModel, SuggestsTheNearestName) {
  const auto model = find_model("lama3-70b");
  ASSERT_FALSE(model);
  ASSERT_EQ(model.error().size(), 1U);
  EXPECT_EQ(model.error()[0].message, "no model 'lama3-70b'");
  EXPECT_THAT(model.error()[0].hint, HasSubstr("llama3-70b"));
  for (const char* nothing : {"", "-", " ", "/", "..", "no-such.yaml", "no/such.json"})
    EXPECT_FALSE(find_model(nothing)) << nothing;
}

TEST(FindModel, ReadsAFile) {
  const auto folder = std::filesystem::temp_directory_path() / "forerun-find-model";
  std::filesystem::create_directories(folder);
  const auto path = (folder / "mine.yaml").string();
  Model model = found("llama3-8b");
  model.name = "mine";
  std::ofstream(path) << to_yaml(model);
  EXPECT_EQ(found(path), model);

  std::ofstream(path, std::ios::app) << "colour: red\n";
  const auto spoilt = find_model(path);
  ASSERT_FALSE(spoilt);
  EXPECT_THAT(problems_of(spoilt), HasSubstr("colour"));

  std::filesystem::copy_file(FORERUN_ROOT "/tests/unit/workloads/data/gpt2.config.json", folder / "config.json",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(found(folder.string()).hidden, 768);  // a folder with a config.json
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace forerun

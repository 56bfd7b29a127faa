// Is a Hugging Face config.json read as transformers would build it?
#include "workloads/models/hugging_face.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "workloads/models/catalog.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string problems_of(const Result<Model>& model) { return model ? "" : to_string(model.error()); }

class Published : public testing::TestWithParam<const char*> {};

TEST_P(Published, CountsWhatTheCatalogueCounts) {
  const std::string name = GetParam();
  const auto model = find_model(FORERUN_ROOT "/tests/unit/workloads/data/" + name + ".config.json");
  ASSERT_TRUE(model) << problems_of(model);
  const auto expected = find_model(name);
  ASSERT_TRUE(expected) << problems_of(expected);
  EXPECT_EQ(model->name, name);
  EXPECT_EQ(model->blocks, expected->blocks);
  EXPECT_EQ(parameter_count(*model), parameter_count(*expected));
  EXPECT_EQ(active_parameter_count(*model), active_parameter_count(*expected));
  EXPECT_EQ(model->max_positions, expected->max_positions);
  EXPECT_EQ(model->dropout, expected->dropout);
}

INSTANTIATE_TEST_SUITE_P(HuggingFace, Published,
                         testing::Values("llama3-8b", "mixtral-8x7b", "qwen3-30b-a3b", "deepseek-v3", "gpt2"),
                         [](const auto& one) {
                           std::string name = one.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

class HuggingFace : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<Model> read(const std::string& json, const std::string& file = "config.json") {
    const auto path = folder_ / file;
    std::ofstream(path) << json;
    return read_hugging_face(path.string());
  }
  // A small model of that type: hidden 64, 4 heads, 4 layers, width 128, 100 words; `more` is further keys.
  Result<Model> small(const std::string& model_type, const std::string& more = "") {
    return read(R"({"model_type": ")" + model_type +
                R"(", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 4,
      "intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 512)" +
                (more.empty() ? "" : ", " + more) + "}");
  }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      ("forerun-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
};

std::vector<int> windows(const Model& model) {
  std::vector<int> out;
  for (const auto& block : model.blocks) out.push_back(block.attention()->window.value_or(0));
  return out;
}

TEST_F(HuggingFace, AbsentKeysHaveTheDefaultsOfTransformers) {
  const auto llama = small("llama");
  ASSERT_TRUE(llama) << problems_of(llama);
  EXPECT_EQ(*llama->blocks[0].attention(), (Attention{.heads = 4, .kv_heads = 4, .head_dim = 16}));
  EXPECT_EQ(llama->blocks[0].feed_forward, FeedForward(Mlp{.width = 128, .gated = true}));
  EXPECT_FALSE(llama->tied_embeddings);

  const auto qwen3 = small("qwen3", R"("num_key_value_heads": 2)");  // heads of 128 whatever `hidden` is
  ASSERT_TRUE(qwen3) << problems_of(qwen3);
  EXPECT_EQ(*qwen3->blocks[0].attention(), (Attention{.heads = 4, .kv_heads = 2, .head_dim = 128, .qk_norm = true}));

  const auto qwen2 = small("qwen2", R"("num_key_value_heads": 2)");  // a bias on queries, keys and values, always
  ASSERT_TRUE(qwen2) << problems_of(qwen2);
  EXPECT_EQ(*qwen2->blocks[0].attention(), (Attention{.heads = 4, .kv_heads = 2, .head_dim = 16, .qkv_bias = true}));
}

TEST_F(HuggingFace, BiasesTiesAndHeadsAreRead) {
  const auto model =
      small("llama", R"("attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true, "head_dim": 32,
                                       "num_key_value_heads": 1, "attention_dropout": 0.1)");
  ASSERT_TRUE(model) << problems_of(model);
  EXPECT_EQ(*model->blocks[0].attention(),
            (Attention{.heads = 4, .kv_heads = 1, .head_dim = 32, .qkv_bias = true, .output_bias = true}));
  EXPECT_EQ(model->blocks[0].feed_forward, FeedForward(Mlp{.width = 128, .gated = true, .bias = true}));
  EXPECT_TRUE(model->tied_embeddings);
  EXPECT_TRUE(model->dropout);
}

TEST_F(HuggingFace, ANullWindowIsNoWindowAndAnAbsentOneIsMistralsOwn) {
  const std::string heads = R"("num_key_value_heads": 4)";
  EXPECT_THAT(windows(small("mistral", heads).value()), ElementsAre(4096, 4096, 4096, 4096));
  EXPECT_THAT(windows(small("mistral", heads + R"(, "sliding_window": null)").value()), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(windows(small("mistral", heads + R"(, "sliding_window": 256)").value()), ElementsAre(256, 256, 256, 256));
}

TEST_F(HuggingFace, QwensWindowIsOffUntilItIsUsed) {
  const std::string window = R"("num_key_value_heads": 4, "sliding_window": 256, "max_window_layers": 3)";
  EXPECT_THAT(windows(small("qwen2", window).value()), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(windows(small("qwen2", window + R"(, "use_sliding_window": true)").value()), ElementsAre(0, 0, 0, 256));
  EXPECT_THAT(windows(small("qwen3", window + R"(, "use_sliding_window": true, "layer_types":
      ["sliding_attention", "full_attention", "sliding_attention", "full_attention"])")
                          .value()),
              ElementsAre(256, 0, 256, 0));
  EXPECT_THAT(problems_of(small("qwen3", window + R"(, "use_sliding_window": true, "layer_types":
      ["full_attention", "linear_attention", "full_attention", "full_attention"])")),
              HasSubstr("'linear_attention' is not modelled"));
}

std::vector<bool> sparse(const Model& model) {
  std::vector<bool> out;
  for (const auto& block : model.blocks) out.push_back(std::holds_alternative<Moe>(block.feed_forward));
  return out;
}

TEST_F(HuggingFace, QwensExpertsStandWhereTheFileSays) {
  const std::string experts = R"("num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32)";
  EXPECT_THAT(sparse(small("qwen3_moe", experts).value()), ElementsAre(true, true, true, true));
  EXPECT_THAT(sparse(small("qwen3_moe", experts + R"(, "decoder_sparse_step": 2)").value()),
              ElementsAre(false, true, false, true));
  EXPECT_THAT(sparse(small("qwen3_moe", experts + R"(, "mlp_only_layers": [0, 3])").value()),
              ElementsAre(false, true, true, false));
}

TEST_F(HuggingFace, DeepSeeksExpertsStandWhereTheFileSays) {
  const std::string latent =
      R"("kv_lora_rank": 8, "q_lora_rank": null, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 12,
      "num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_shared_experts": 2, "n_routed_experts": 8)";
  const auto model = small("deepseek_v2", latent + R"(, "first_k_dense_replace": 1, "moe_layer_freq": 2)");
  ASSERT_TRUE(model) << problems_of(model);
  EXPECT_THAT(sparse(*model), ElementsAre(false, false, true, false));
  EXPECT_EQ(model->blocks[2].feed_forward, FeedForward(Moe{.experts = 8, .top_k = 2, .width = 32, .shared_width = 64}));
  EXPECT_EQ(model->blocks[0].attention()->latent,
            (Latent{.kv_rank = 8, .nope_dim = 16, .rope_dim = 8, .value_dim = 12}));
  EXPECT_EQ(model->blocks[0].attention()->head_dim, 24);
  const auto v3 = small("deepseek_v3", latent);  // chooses experts with a bias
  ASSERT_TRUE(v3) << problems_of(v3);
  EXPECT_TRUE(std::get<Moe>(v3->blocks[0].feed_forward).router_bias);
}

TEST_F(HuggingFace, Gpt2HasAnInnerWidthOfFourTimesHiddenUnlessItSaysAnother) {
  const std::string shape = R"({"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 1, "vocab_size": 100)";
  EXPECT_EQ(std::get<Mlp>(read(shape + "}").value().blocks[0].feed_forward), (Mlp{.width = 256, .bias = true}));
  EXPECT_EQ(std::get<Mlp>(read(shape + R"(, "n_inner": null})").value().blocks[0].feed_forward).width, 256);
  EXPECT_EQ(std::get<Mlp>(read(shape + R"(, "n_inner": 100})").value().blocks[0].feed_forward).width, 100);
  EXPECT_FALSE(read(shape + R"(, "resid_pdrop": 0.0, "embd_pdrop": 0, "attn_pdrop": 0.0})").value().dropout);
}

TEST_F(HuggingFace, IsCalledByItsRepositoryFolderOrFile) {
  EXPECT_EQ(small("llama", R"("_name_or_path": "owner/My-Model")").value().name, "My-Model");
  EXPECT_EQ(small("llama", R"("_name_or_path": "/scratch/runs/17/ckpt")").value().name, folder_.filename().string());
  EXPECT_EQ(small("llama").value().name, folder_.filename().string());
}

TEST_F(HuggingFace, RefusesWhatItDoesNotModel) {
  EXPECT_THAT(problems_of(small("lama")), AllOf(HasSubstr("model_type 'lama'"), HasSubstr("llama")));
  EXPECT_THAT(problems_of(small("t5")), HasSubstr("write one of: "));
  EXPECT_THAT(problems_of(read(R"({"hidden_size": 64})")), HasSubstr("no 'model_type'"));
  EXPECT_THAT(problems_of(small("llama", R"("is_encoder_decoder": true)")),
              HasSubstr("'is_encoder_decoder' is not modelled"));
  EXPECT_THAT(problems_of(small("llama", R"("vision_config": {"depth": 2})")), HasSubstr("more than text"));
  EXPECT_THAT(problems_of(small("llama", R"("architectures": ["LlamaForSequenceClassification"])")),
              HasSubstr("another head"));
  EXPECT_THAT(problems_of(read("[1]")), testing::Not(""));
  EXPECT_THAT(problems_of(read("not json at all {")), testing::Not(""));
}

TEST_F(HuggingFace, SaysAllProblemsAtOnce) {
  const auto problems =
      problems_of(read(R"({"model_type": "llama", "hidden_size": 0, "num_hidden_layers": "many", "vocab_size": 100,
    "num_attention_heads": 4, "intermediate_size": 8})"));
  EXPECT_THAT(problems, AllOf(HasSubstr("config.json:1:"), HasSubstr("many"), HasSubstr("max_position_embeddings")));
  // A contradiction, found once all could be read.
  EXPECT_THAT(problems_of(small("llama", R"("num_key_value_heads": 3)")),
              HasSubstr("blocks 0 to 3: 3 kv_heads do not divide 4 heads"));
}

}  // namespace
}  // namespace forerun

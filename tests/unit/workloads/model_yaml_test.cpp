// Is a model read from YAML as it was written, and is all that is wrong said at once and in its place?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/yaml.hpp"
#include "workloads/models/model.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Read {
  Model model;
  std::vector<std::string> problems;
};

Read read(const std::string& yaml) {
  const auto document = YamlDocument::parse(yaml, "toy.yaml");
  if (!document) return {{}, {to_string(document.error())}};
  Read out{read_model(document->root()), {}};
  for (const auto& problem : document->problems()) out.problems.push_back(to_string(problem));
  return out;
}

const std::string toy = R"(name: toy
hidden: 64
vocab: 0
positions: none
norm: none
)";

TEST(ModelYaml, FillsInWhatFollowsFromTheRest) {
  const auto [model, problems] = read(toy + "blocks:\n  - attention: {heads: 4}\n    mlp: {width: 256}\n");
  EXPECT_THAT(problems, IsEmpty());
  ASSERT_THAT(model.blocks, SizeIs(1));
  EXPECT_EQ(*model.blocks[0].attention(), (Attention{.heads = 4, .kv_heads = 4, .head_dim = 16}));
  EXPECT_EQ(model.blocks[0].norms, 2);
  EXPECT_TRUE(model.final_norm);
  EXPECT_EQ(parameter_count(model), 12 * 64 * 64);
}

TEST(ModelYaml, RepeatsBlocksAndPatterns) {
  const auto [model, problems] = read(toy + R"(blocks:
  - repeat: 3
    block: {attention: {heads: 1}, mlp: {width: 1}}
  - repeat: 2
    pattern:
      - repeat: 2
        block: {attention: {heads: 2}, mlp: {width: 2}}
      - attention: {heads: 4}
        moe: {experts: 8, top_k: 2, width: 4}
)");
  EXPECT_THAT(problems, IsEmpty());
  std::vector<int> heads;
  for (const auto& block : model.blocks) heads.push_back(block.attention()->heads);
  EXPECT_THAT(heads, ElementsAre(1, 1, 1, 2, 2, 4, 2, 2, 4));
  EXPECT_EQ(std::get<Moe>(model.blocks[8].feed_forward), (Moe{.experts = 8, .top_k = 2, .width = 4, .gated = true}));
}

TEST(ModelYaml, PrintedSizesAreUncertainByHalfTheLastDigit) {
  const std::string rest = "blocks:\n  - attention: {heads: 4}\n    mlp: {width: 256}\n";
  const auto size = [&](const std::string& printed) {
    return read(toy + "parameters: {printed: " + printed + ", source: hand}\n" + rest)
        .model.published.value_or(PublishedSize{});
  };
  EXPECT_EQ(size("175 B"), (PublishedSize{175e9, 0.5e9, "hand"}));
  EXPECT_EQ(size("18.4 B"), (PublishedSize{18.4e9, 0.05e9, "hand"}));
  EXPECT_EQ(size("1008.0B"), (PublishedSize{1008e9, 0.05e9, "hand"}));
  EXPECT_EQ(size("1 T"), (PublishedSize{1e12, 0.5e12, "hand"}));
  EXPECT_EQ(size("124.44 M"), (PublishedSize{124.44e6, 0.005e6, "hand"}));
  for (const char* wrong :
       {"175", "B", "1.75e11", "175 G", "17.5.1 B", "-3 B", ".5 B", "5. B", "1.2345678 M", "1234567890123456 B"}) {
    const auto problems = read(toy + "parameters: {printed: '" + wrong + "', source: hand}\n" + rest).problems;
    EXPECT_THAT(problems, ElementsAre(HasSubstr("is not a number of parameters"))) << wrong;
  }
}

TEST(ModelYaml, IsCheckedAgainstItsPublishedSize) {
  const std::string rest = "blocks:\n  - attention: {heads: 4}\n    mlp: {width: 256}\n";
  EXPECT_THAT(read(toy + "parameters: {exact: 49152, source: hand}\n" + rest).problems, IsEmpty());
  EXPECT_THAT(read(toy + "parameters: {exact: 49153, source: hand}\n" + rest).problems,
              ElementsAre(HasSubstr("these shapes make 49152 parameters, but 'parameters' says 49153")));
  EXPECT_THAT(read(toy + "parameters: {source: hand}\n" + rest).problems,
              ElementsAre(HasSubstr("either exact or printed")));
}

TEST(ModelYaml, SaysAllProblemsAtOnceAndWhere) {
  const auto problems = read(R"(name: toy
hiden: 64
hidden: 64
vocab: many
positions: rotery
norm: rms
blocks:
  - repeat: 4
    block:
      attention: {heads: 8, kv_heads: 3}
      moe: {experts: 4, top_k: 5, width: 16}
  - attention: {heads: 7}
    mlp: {width: 0}
  - attention: {heads: 8, latent: {kv_rank: 4, nope_dim: 8, rope_dim: 4}}
  - repeat: 3
)")
                            .problems;
  EXPECT_THAT(
      problems,
      testing::UnorderedElementsAre(
          AllOf(HasSubstr("toy.yaml:2:"), HasSubstr("hiden")), AllOf(HasSubstr("toy.yaml:4:"), HasSubstr("many")),
          AllOf(HasSubstr("toy.yaml:5:"), HasSubstr("rotery"), HasSubstr("rotary")),
          AllOf(HasSubstr("toy.yaml:10:"), HasSubstr("3 kv_heads do not divide 8 heads")),
          AllOf(HasSubstr("toy.yaml:11:"), HasSubstr("'top_k' is 5")),
          AllOf(HasSubstr("toy.yaml:12:"), HasSubstr("7 heads do not divide 'hidden' 64")),
          AllOf(HasSubstr("toy.yaml:13:"), HasSubstr("0")), AllOf(HasSubstr("toy.yaml:14:"), HasSubstr("value_dim")),
          AllOf(HasSubstr("toy.yaml:14:"), HasSubstr("without a feed-forward")),
          AllOf(HasSubstr("toy.yaml:15:"), HasSubstr("'repeat' of nothing"))));
}

TEST(ModelYaml, FindsNoContradictionsBetweenNumbersItCouldNotRead) {
  // 'kv_heads: 8' contradicts only a number of heads that was read.
  EXPECT_THAT(read(toy + "blocks:\n  - attention: {heads: eight, kv_heads: 8}\n    mlp: {width: 256}\n").problems,
              ElementsAre(HasSubstr("eight")));
}

TEST(ModelYaml, BoundsTheNumberOfBlocks) {
  const std::string block = "{attention: {heads: 4}, mlp: {width: 8}}";
  EXPECT_THAT(read(toy + "blocks:\n  - {repeat: 1024, block: " + block + "}\n").problems, IsEmpty());
  EXPECT_THAT(read(toy + "blocks:\n  - {repeat: 1024, block: " + block + "}\n  - " + block + "\n").problems, SizeIs(1));
  EXPECT_THAT(read(toy + "blocks: []\n").problems, ElementsAre(HasSubstr("no blocks")));
  EXPECT_THAT(read("[1, 2]\n").problems, testing::Not(IsEmpty()));
}

TEST(ModelYaml, WritesWhatItReadsBack) {
  Model model = read(toy + "blocks:\n  - attention: {heads: 4}\n    mlp: {width: 256}\n").model;
  model.name = "odd: \"name\" # \\ here";
  model.aliases = {"null", "a, b", "owner/model"};
  model.source = "tab\there";
  model.norm = NormKind::layer;
  model.positions = Positions::learned;
  model.max_positions = 128;
  model.extra_positions = 2;
  model.vocab = 1000;
  model.tied_embeddings = model.embedding_norm = model.dropout = true;
  model.final_norm = false;
  model.blocks[0].attention()->qkv_bias = model.blocks[0].attention()->output_bias =
      model.blocks[0].attention()->sinks = true;
  model.blocks[0].attention()->qk_norm = true;
  model.blocks[0].attention()->window = 16;
  model.blocks[0].norms = 4;
  model.blocks.push_back(
      {.hidden = 64,
       .mixer =
           Attention{.heads = 4,
                     .kv_heads = 4,
                     .head_dim = 12,
                     .latent = Latent{.query_rank = 3, .kv_rank = 5, .nope_dim = 8, .rope_dim = 4, .value_dim = 6}},
       .feed_forward = Moe{.experts = 8,
                           .top_k = 2,
                           .width = 4,
                           .shared_width = 9,
                           .gated = false,
                           .bias = true,
                           .router_bias = true,
                           .shared_gate = true}});
  const auto [back, problems] = read(to_yaml(model));
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(back, model) << to_yaml(model);
}

TEST(ModelYaml, WritesRepeatedPatternsOnce) {
  Model model = read(toy + "blocks:\n  - attention: {heads: 4}\n    mlp: {width: 256}\n").model;
  const Block full = model.blocks[0];
  Block local = full;
  local.attention()->window = 8;
  model.blocks.clear();  // as in Gemma 3: five with a window, one without, and a rest of two
  for (int i = 0; i < 10; ++i) {
    model.blocks.insert(model.blocks.end(), 5, local);
    model.blocks.push_back(full);
  }
  model.blocks.insert(model.blocks.end(), 2, local);
  EXPECT_THAT(to_yaml(model), EndsWith(R"(blocks:
  - repeat: 10
    pattern:
      - repeat: 5
        block:
          attention: {heads: 4, kv_heads: 4, head_dim: 16, window: 8}
          mlp: {width: 256, gated: false}
      - attention: {heads: 4, kv_heads: 4, head_dim: 16}
        mlp: {width: 256, gated: false}
  - repeat: 2
    block:
      attention: {heads: 4, kv_heads: 4, head_dim: 16, window: 8}
      mlp: {width: 256, gated: false}
)"));
  EXPECT_EQ(read(to_yaml(model)).model, model);
}

}  // namespace
}  // namespace forerun

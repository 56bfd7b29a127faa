// Does a row become the model and plan that it describes, or a reason why not?
#include "validation/training/row_scenario.hpp"

#include <gmock/gmock.h>

#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

TrainingRow gpt() {
  TrainingRow row;
  row.run_id = "r", row.source = "s", row.stack = "megatron-core", row.model = "GPT 22B", row.gpu = "a100-sxm-80gb";
  row.layers = 48, row.hidden = 6144, row.heads = 64, row.vocab = 51200, row.seq = 2048, row.global_batch = 16,
  row.micro_batch = 2;
  row.gpus = 16, row.tp = 2, row.pp = 4, row.dp = 2;
  row.dtype = "fp16", row.recompute = "none", row.schedule = "1f1b";
  return row;
}

ReadRun read(const TrainingRow& row) {
  static auto reader = RunReader::make();
  EXPECT_TRUE(reader);
  return reader->read(row);
}

TEST(RowScenario, AGptRowIsAPlainTransformerWithBiasesAndATiedHead) {
  const ReadRun run = read(gpt());
  ASSERT_EQ(run.skipped, "");
  const Model& m = run.scenario.model;
  EXPECT_EQ(m.blocks.size(), 48U);
  const Mlp& mlp = std::get<Mlp>(m.blocks[0].feed_forward);
  EXPECT_EQ(mlp.width, 4 * 6144);
  EXPECT_FALSE(mlp.gated);
  EXPECT_TRUE(mlp.bias);
  EXPECT_TRUE(m.tied_embeddings);
  EXPECT_TRUE(m.dropout);
  EXPECT_EQ(m.positions, Positions::learned);
  EXPECT_EQ(m.blocks[0].attention()->head_dim, 96);
  EXPECT_TRUE(check_plan(run.scenario, run.plan).empty());
}

TEST(RowScenario, ALlamaRowIsGatedAndAnUnknownNameGoesByItsWidth) {
  TrainingRow row = gpt();
  row.model = "Llama-like 9B", row.ffn = 16384, row.kv_heads = 8;
  EXPECT_TRUE(std::get<Mlp>(read(row).scenario.model.blocks[0].feed_forward).gated);
  EXPECT_EQ(read(row).scenario.model.norm, NormKind::rms);
  row.model = "Zyzzyva", row.ffn = 4 * 6144;
  EXPECT_FALSE(std::get<Mlp>(read(row).scenario.model.blocks[0].feed_forward).gated);
  row.ffn = 20000;
  EXPECT_TRUE(std::get<Mlp>(read(row).scenario.model.blocks[0].feed_forward).gated);
}

TEST(RowScenario, EmptyCellsTakeTheStacksDefaultsAndAreCounted) {
  TrainingRow row = gpt();
  const ReadRun run = read(row);
  EXPECT_TRUE(run.plan.sp);           // megatron-core
  EXPECT_EQ(run.plan.zero, 1);
  for (const char* column : {"sp", "zero", "cp", "ffn", "kv_heads", "vpp", "interconnect"})
    EXPECT_THAT(run.assumed, Contains(column));
  EXPECT_THAT(run.assumed, Not(Contains("dtype")));
  row.sp = 0, row.zero = 0;
  EXPECT_FALSE(read(row).plan.sp);
  EXPECT_EQ(read(row).plan.zero, 0);
}

TEST(RowScenario, NothingIsShardedOverASingleReplica) {
  TrainingRow row = gpt();
  row.dp = 1, row.gpus = 8, row.zero = 1;
  EXPECT_EQ(read(row).plan.zero, 0);
}

TEST(RowScenario, LayersThatDoNotDivideCountTheEmbeddingAndTheHead) {
  TrainingRow row = gpt();
  row.layers = 46;  // 48 with embedding and head, 12 a stage
  EXPECT_EQ(read(row).plan.cut, StageCut::even_with_ends);
  row.layers = 48;
  EXPECT_EQ(read(row).plan.cut, StageCut::even);
}

TEST(RowScenario, StagesAreCutAsTheSoftwareDoes) {
  TrainingRow row = gpt();
  row.stack = "nanotron";
  const ReadRun run = read(row);
  EXPECT_EQ(run.plan.cut, StageCut::list);
  EXPECT_EQ(run.plan.stages, chunks_by_weights(run.scenario.model, run.plan.pp));
}

TEST(RowScenario, OverlapIsReadByItsPhrases) {
  TrainingRow row = gpt();
  EXPECT_EQ(read(row).plan.overlap, OverlapChoice{});
  row.overlap = "no overlap of gradient all-reduce";
  EXPECT_EQ(read(row).plan.overlap.dp, false);
  row.overlap = "TP_COMM_OVERLAP=False";
  EXPECT_EQ(read(row).plan.overlap.tp, false);
  row.overlap = "all TP/PP overlap disabled (non-overlap contract)";
  const OverlapChoice none = read(row).plan.overlap;
  EXPECT_TRUE(none.tp == false && none.pp == false && none.dp == false);
}

TEST(RowScenario, SoftwareThatTheRowNamesReplacesTheStacks) {
  TrainingRow row = gpt();
  row.flash_attention = "no (fused softmax)";
  EXPECT_EQ(read(row).scenario.stack.attention, AttentionKernel::unfused);
  row.stack = "";
  EXPECT_EQ(read(row).scenario.stack.name, "megatron-core");
  EXPECT_THAT(read(row).assumed, Contains("stack"));
}

TEST(RowScenario, WordsThatAreNotKnownLeaveTheRowOut) {
  const auto skipped = [](std::string TrainingRow::* column, const char* word) {
    TrainingRow row = gpt();
    row.*column = word;
    return read(row).skipped;
  };
  EXPECT_EQ(skipped(&TrainingRow::stack, "an unheard-of stack"), "stack: 'an unheard-of stack' is not known");
  EXPECT_EQ(skipped(&TrainingRow::dtype, "mxfp8"), "dtype: 'mxfp8' is not known");
  EXPECT_EQ(skipped(&TrainingRow::schedule, "2f2b"), "schedule: '2f2b' is not known");
  EXPECT_EQ(skipped(&TrainingRow::recompute, "some"), "recompute: 'some' is not known");
  EXPECT_EQ(skipped(&TrainingRow::interconnect, "carrier pigeons"), "interconnect: 'carrier pigeons' is not known");
  EXPECT_EQ(skipped(&TrainingRow::dtype, "FP16"), "");
  EXPECT_EQ(skipped(&TrainingRow::interconnect, "4 nodes RoCE RDMA"), "");
}

TEST(RowScenario, AMixtureIsTheCataloguesWithItsLayersCut) {
  TrainingRow row = gpt();
  row.model = "DeepSeek-V2 proxy (layers cut)", row.layers = 4, row.hidden = 5120, row.heads = 128, row.experts = 160,
  row.topk = 6;
  row.tp = 1, row.pp = 1, row.dp = 8, row.gpus = 8, row.ep = 4, row.vocab = 102400, row.notes = "first dense_layers=2";
  const ReadRun run = read(row);
  ASSERT_EQ(run.skipped, "");
  ASSERT_EQ(run.scenario.model.blocks.size(), 4U);
  EXPECT_TRUE(std::holds_alternative<Mlp>(run.scenario.model.blocks[1].feed_forward));
  EXPECT_TRUE(std::holds_alternative<Moe>(run.scenario.model.blocks[2].feed_forward));
  row.experts = 161;
  EXPECT_EQ(read(row).skipped, "mixture not in the catalogue");
}

TEST(RowScenario, AdaptersHaveTheSoftwaresRankAndTargets) {
  TrainingRow row = gpt();
  row.stack = "nemo", row.tuning = "lora";
  const ReadRun run = read(row);
  ASSERT_EQ(run.skipped, "");
  EXPECT_EQ(run.scenario.job.kind, JobKind::finetune);
  EXPECT_EQ(run.scenario.job.tuning,
            (Tuning{.kind = TuningKind::lora, .rank = 16, .target = {LowRankTarget::linear_qkv}}));
  EXPECT_THAT(run.assumed, testing::IsSupersetOf({"rank", "target"}));
  row.tuning = "full", row.notes = "cumulative technique #9: QLoRA; baseline; LoRA rows replace full FT";
  EXPECT_EQ(read(row).scenario.job.tuning.kind, TuningKind::qlora);
  row.notes = "cumulative technique #3: Chunked; baseline; LoRA rows replace full FT";
  EXPECT_EQ(read(row).scenario.job.tuning, Tuning{});
  EXPECT_THAT(read(row).assumed, Not(Contains("rank")));
}

TEST(RowScenario, ReasonsToSkip) {
  const auto reason = [](auto change) {
    TrainingRow row = gpt();
    change(row);
    return read(row).skipped;
  };
  EXPECT_EQ(reason([](TrainingRow& r) { r.micro_batch.reset(), r.pp.reset(); }), "not stated: micro_batch, pp");
  EXPECT_EQ(reason([](TrainingRow& r) { r.tuning = "qlora", r.dtype = "fp8"; }), "qlora does not multiply in fp8");
  EXPECT_EQ(reason([](TrainingRow& r) { r.gpus = 17; }),
            "not a valid plan: tp x cp x dp x pp is 16, not the 17 devices");
  EXPECT_EQ(reason([](TrainingRow& r) { r.gpu = "abacus"; }), "gpu 'abacus' not in the catalogue");
}

TEST(RowScenario, UnstatedChunksAreThoseOfTheSoftwaresConfigurations) {
  TrainingRow row = gpt();
  row.global_batch = 32;  // 8 micro-batches a replica
  EXPECT_EQ(read(row).plan.virtual_stages, 1);
  row.stack = "nemo";     // two layers a chunk: 48 / (4 x 2)
  EXPECT_EQ(read(row).plan.virtual_stages, 6);
  EXPECT_EQ(read(row).plan.schedule, ScheduleKind::interleaved);
  EXPECT_THAT(read(row).assumed, Contains("vpp"));
  row.vpp = 1;
  EXPECT_EQ(read(row).plan.schedule, ScheduleKind::one_f_one_b);
  row.vpp.reset(), row.global_batch = 24;  // 6 micro-batches do not fill 4 stages evenly
  EXPECT_EQ(read(row).plan.virtual_stages, 1);
}

TEST(RowScenario, TechniquesAreAddedOneAfterTheOther) {
  TrainingRow row = gpt();
  row.stack = "torchtune", row.gpus = 1, row.tp = row.pp = row.dp = 1, row.global_batch = 2;
  const auto with = [&](int n) {
    row.notes = "cumulative technique #" + std::to_string(n) + ": + Something; baseline unpacked so seq is a max";
    return read(row);
  };
  EXPECT_FALSE(with(1).scenario.stack.compiled);
  EXPECT_TRUE(with(2).scenario.stack.compiled);
  EXPECT_EQ(with(2).scenario.stack.logit_saved, Bytes{6});
  EXPECT_EQ(with(3).scenario.stack.logit_saved, Bytes{2});
  EXPECT_FALSE(with(4).scenario.stack.update_in_backward);
  EXPECT_TRUE(with(5).scenario.stack.update_in_backward);
  EXPECT_FALSE(with(5).plan.offload.activations);
  EXPECT_TRUE(with(6).plan.offload.activations);
  EXPECT_EQ(with(6).scenario.stack.precision.moments, std::nullopt);
  EXPECT_EQ(with(7).scenario.stack.precision.moments, DType::int8);
  EXPECT_FALSE(with(7).scenario.stack.single_device);  // what the row says, not the recipe
  row.notes.clear();
  EXPECT_TRUE(read(row).scenario.stack.single_device);
}

TEST(RowScenario, ASizeThatLeavesRoomForALargerTableSaysHowLarge) {
  TrainingRow row = gpt();
  row.vocab.reset();
  row.layers = 72, row.hidden = 14336, row.heads = 64, row.pp = 4;
  EXPECT_EQ(read(row).scenario.model.vocab, 51200);
  row.parameters = 181e9;  // 177.7 in the blocks
  EXPECT_NEAR(read(row).scenario.model.vocab, 250e3, 36e3);  // half a billion is 35,000 rows
  row.parameters = 179e9;  // rounding
  EXPECT_EQ(read(row).scenario.model.vocab, 51200);
  row.parameters = 200e9;  // another model altogether
  EXPECT_EQ(read(row).scenario.model.vocab, 51200);
}

TEST(RowScenario, TheStackIsThatOfItsYearAndTheForkOfItsSchedule) {
  TrainingRow row = gpt();
  row.stack = "torchtitan";
  EXPECT_EQ(read(row).scenario.stack.name, "torchtitan");
  row.year = 2024;
  EXPECT_EQ(read(row).scenario.stack.name, "torchtitan-2024");
  row.stack = "megatron-lm", row.dtype = "", row.year = 2022;
  EXPECT_EQ(read(row).scenario.stack.name, "megatron-lm");
  EXPECT_EQ(read(row).scenario.job.dtype, DType::fp16);
  row.schedule = "zb-1p";
  EXPECT_EQ(read(row).scenario.stack.name, "megatron-zero-bubble");
}

TEST(RowScenario, PaddedDataStatesNoSequence) {
  TrainingRow row = gpt();
  row.notes = "cumulative technique #0: Baseline; baseline unpacked so seq is a max";
  EXPECT_THAT(read(row).skipped, HasSubstr("padded"));
  row.notes = "cumulative technique #1: + Packed Dataset; baseline unpacked so seq is a max";
  EXPECT_EQ(read(row).skipped, "");
}

}  // namespace
}  // namespace forerun

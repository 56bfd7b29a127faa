// Are the forms of kernels the formulas that their headers state?
#include <gtest/gtest.h>

#include "costmodel/kernels/kernel_form.hpp"

namespace forerun {
namespace {

// 100 SMs of 1 TFLOP/s, memory out of reach unless a test says otherwise.
Device device(double bandwidth = 1e30) {
  Device d;
  d.sms = 100;
  d.peak = {{DType::bf16, FlopsPerSecond{100e12}}};
  d.memory.bandwidth = BytesPerSecond{bandwidth};
  d.l2 = Bytes{10e6};
  return d;
}

double microseconds(const KernelForm& form, const Kernel& kernel, const Device& on = device()) {
  return 1e6 * time(form, on, kernel).value();
}

const GemmForm ideal{.compute = 1, .memory = 1, .launch = 0, .exponent = 20, .prologue = 0, .small_tiles = 0};

// 10 x 10 tiles of 128 x 128 are one wave of 100 SMs: 2 128^2 k / 1 TFLOP/s.
TEST(GemmForm, OneFullWaveRunsAtThePeak) {
  EXPECT_NEAR(microseconds(ideal, Gemm{.m = 1280, .n = 1280, .k = 1000}), 32.768, 1e-9);
}

// A core: 17 x 16 rounds up to two blocks of 16 x 16, 2 x 2 x 16^2 k at 100 TFLOP/s; a block that is full costs half.
TEST(GemmForm, ACoreOfACpuHasOneProcessorAndTilesOfItsRegisters) {
  Device core = device();
  core.family = "cpu", core.sms = 1;
  EXPECT_NEAR(microseconds(ideal, Gemm{.m = 17, .n = 16, .k = 1000}, core), 2 * 2 * 256 * 1000 / 100e6, 1e-12);
  EXPECT_NEAR(microseconds(ideal, Gemm{.m = 16, .n = 16, .k = 1000}, core), 2 * 256 * 1000 / 100e6, 1e-12);
}

// Three sequences of one head of 32 queries, 64 elements, on a core: what the last query sees is computed for all 32
// rows, 2 (64 + 64) FLOPs a row and key.
TEST(PrefillForm, ACoreOfACpuPaysForTheRowsThatThereAre) {
  Device core = device();
  core.family = "cpu", core.sms = 1;
  const PrefillForm form{.exponent = 20};
  const FusedAttention a{.sequences = 3,
                         .heads = 1,
                         .kv_heads = 1,
                         .head_dim = 64,
                         .value_dim = 64,
                         .q_len = 32,
                         .kv_len = 32,
                         .visible = visible_share(32, 32)};
  EXPECT_NEAR(microseconds(form, a, core), 3.0 * 32 * 32 * 2 * 128 / 100e6, 1e-12);
}

// 1e9 bytes at half of 1 GB/s, and backward at twice that.
TEST(StreamingForm, BackwardPassesHaveARateOfTheirOwn) {
  const StreamingForm form{.memory = 0.5, .cached = 1, .launch = 0, .backward = 2};
  EXPECT_NEAR(microseconds(form, Streaming{StreamingKind::norm, Bytes{1e9}}, device(1e9)), 2e6, 1e-6);
  EXPECT_NEAR(microseconds(form, Streaming{StreamingKind::norm, Bytes{1e9}, true}, device(1e9)), 1e6, 1e-6);
}

// 11 x 10 tiles: 1.1 waves of large tiles, charged 0.25 x 2 + 0.75 x 1.1 = 1.325. Tiles of a quarter of the rate are no
// help.
TEST(GemmForm, AQuarterOfTheLastWaveIsLost) {
  GemmForm form = ideal;
  form.small_tiles = 1;
  EXPECT_NEAR(microseconds(form, Gemm{.m = 1408, .n = 1280, .k = 1000}), 1.325 * 32.768, 1e-9);
}

// The same where small tiles are as good: 44 x 20 tiles of 32 x 64, an eighth each: 8.8 waves, 0.25 x 9 + 0.75 x 8.8
// = 8.85 eighths.
TEST(GemmForm, SmallTilesFillTheLastWave) {
  EXPECT_NEAR(microseconds(ideal, Gemm{.m = 1408, .n = 1280, .k = 1000}), 8.85 / 8 * 32.768, 1e-9);
}

// Four tiles of 64 x 64 in 32 pieces of k: 128 on 100 SMs, 0.25 x 2 + 0.75 x 1.28 = 1.46 waves of 2 64^2 (k / 32).
TEST(GemmForm, ALongReductionIsSplitOverIdleSms) {
  EXPECT_NEAR(microseconds(ideal, Gemm{.m = 128, .n = 128, .k = 100'000}), 1.46 * 2 * 64 * 64 * 3125 * 1e-6, 1e-6);
}

// The same with 1 TB/s: eight tiles of 32 x 64 in 16 pieces take as long and add fewer fp32 sums of 128 x 128, written
// and read (8 bytes): 2.1 us beside the operands' 51.2 us. The arithmetic takes 37.4 us; at p = 20 it does not show.
TEST(GemmForm, PartialSumsAreTraffic) {
  const double bytes = 2 * (128 * 100'000 * 2 + 128 * 128) + 16 * 8 * 128 * 128;
  EXPECT_NEAR(microseconds(ideal, Gemm{.m = 128, .n = 128, .k = 100'000}, device(1e12)), bytes * 1e-6, 0.01);
}

TEST(GemmForm, LaunchAndPrologueAddUp) {
  GemmForm form = ideal;
  form.launch = 3e-6, form.prologue = 500;
  EXPECT_NEAR(microseconds(form, Gemm{.m = 1280, .n = 1280, .k = 1000}), 3 + 1.5 * 32.768, 1e-9);
}

TEST(GemmForm, AHundredProductsOfOneTileAreOneWave) {
  EXPECT_NEAR(microseconds(ideal, Gemm{.m = 128, .n = 128, .k = 1000, .batch = 100}), 32.768, 1e-9);
}

TEST(GemmForm, PowerCapsTheShareOfThePeak) {
  const GemmTimer capped(ideal, device(), DType::bf16, 0.5);
  EXPECT_NEAR(1e6 * capped.time(Gemm{.m = 1280, .n = 1280, .k = 1000}).value(), 2 * 32.768, 1e-9);
}

TEST(GemmForm, NothingTakesNoTime) { EXPECT_EQ(microseconds(ideal, Gemm{}), 0); }

const PrefillForm attention{
    .compute = 1, .memory = 1, .launch = 0, .exponent = 20, .softmax = 0, .tail = 0, .wave = 0, .backward = 0.5};
const FusedAttention square{
    .sequences = 1, .heads = 100, .kv_heads = 100, .head_dim = 128, .value_dim = 128, .q_len = 1280, .kv_len = 1280};

// 1,000 tiles of 128 x 1280 scores, 2 (128 + 128) FLOPs each, ten on each SM.
constexpr double tile = 128 * 1280 * 512 * 1e-6;  // us
TEST(PrefillForm, TilesShareTheSms) { EXPECT_NEAR(microseconds(attention, square), 10 * tile, 1e-6); }

TEST(PrefillForm, BackwardDoesFiveProductsAtItsOwnRate) {
  FusedAttention backward = square;
  backward.backward = true;
  EXPECT_NEAR(microseconds(attention, backward), 2.5 / 0.5 * 10 * tile, 1e-6);
}

TEST(PrefillForm, TailWavesAndLaunchAddUp) {
  PrefillForm form = attention;
  form.tail = 0.5, form.wave = 2e-6, form.launch = 7e-6;
  EXPECT_NEAR(microseconds(form, square), 10.5 * tile + 10 * 2 + 7, 1e-6);
}

// One sequence and head: ten tiles run side by side, as long as the longest.
TEST(PrefillForm, FewTilesTakeAsLongAsOne) {
  FusedAttention few = square;
  few.heads = few.kv_heads = 1;
  EXPECT_NEAR(microseconds(attention, few), tile, 1e-6);
}

// Causal: of 1280 keys a row sees 640.5 on average, and its tile computes 64 more; exponentials worth 64 head elements
// add a half.
TEST(PrefillForm, TilesEndAtTheDiagonal) {
  FusedAttention causal = square;
  causal.visible = visible_share(1280, 1280);
  EXPECT_NEAR(microseconds(attention, causal), 10 * tile * 704.5 / 1280, 1e-6);
  PrefillForm slow = attention;
  slow.softmax = 64;
  EXPECT_NEAR(microseconds(slow, causal), 1.5 * 10 * tile * 704.5 / 1280, 1e-6);
}

// Two queries of a chunk occupy a tile of 128 rows.
TEST(PrefillForm, ShortChunksFillATile) {
  FusedAttention chunk = square;
  chunk.q_len = 2;
  EXPECT_NEAR(microseconds(attention, chunk), tile, 1e-6);
}

const DecodeForm decode{.memory = 0.5, .launch = 0, .rows = 1e-9, .split = 512, .fill = 1, .wave = 0};
const FusedAttention one{
    .sequences = 100, .heads = 4, .kv_heads = 1, .head_dim = 128, .value_dim = 128, .q_len = 1, .kv_len = 512};

// Queries and outputs of 4 heads, keys and values of 512 positions: 2 bytes each, at half of 1 TB/s.
constexpr double traffic = 100.0 * (4 + 4 + 2 * 512) * 128 * 2 / 0.5e12 * 1e6;  // us
TEST(DecodeForm, AHundredBlocksReadAtTheFullRate) {
  EXPECT_NEAR(microseconds(decode, one, device(1e12)), traffic, 1e-6);
}

// 25 blocks of one unit each draw a quarter of the bandwidth; four times the keys are split into units enough.
TEST(DecodeForm, FewUnitsDoNotFillTheMemory) {
  FusedAttention few = one;
  few.sequences = 25;
  EXPECT_NEAR(microseconds(decode, few, device(1e12)), traffic, 1e-6);
  FusedAttention longer = few;
  longer.kv_len = 2048;
  EXPECT_NEAR(microseconds(decode, longer, device(1e12)), 25.0 * (8 + 2 * 2048) * 128 * 2 / 0.5e12 * 1e6, 1e-6);
}

TEST(DecodeForm, RoundsOfBlocksCost) {
  DecodeForm form = decode;
  form.wave = 3e-6, form.launch = 10e-6;
  FusedAttention many = one;
  many.sequences = 250;
  EXPECT_NEAR(microseconds(form, many, device(1e12)), 2.5 * traffic + 3 * 3 + 10, 1e-6);
}

// 64 query heads on one, where a block handles 32: each is a block of its own and reads the keys again from the cache.
TEST(DecodeForm, BeyondItsGroupNothingIsShared) {
  DecodeForm form = decode;
  form.group = 32, form.again = 0.25, form.wave = 1e-6, form.single = 0.5;
  FusedAttention wide = one;
  wide.heads = 64;
  const double bytes = 100.0 * (2 * 64 + 2 * 512) * 128 * 2 / 0.5e12 * 1e6;
  EXPECT_NEAR(microseconds(form, wide, device(1e12)), (1 + 0.25 * 63) * bytes + 64 * 0.5, 1e-6);
}

TEST(DecodeForm, WithoutGroupsKeysMayStayWhole) {
  DecodeForm form = decode;
  FusedAttention single = one;
  single.sequences = 1, single.heads = 1, single.kv_len = 51200;
  const double bytes = (2.0 + 2 * 51200) * 128 * 2 / 0.5e12 * 1e6;
  EXPECT_NEAR(microseconds(form, single, device(1e12)), bytes, 1e-6);  // 100 units
  form.split_single = 0;
  EXPECT_NEAR(microseconds(form, single, device(1e12)), 100 * bytes, 1e-4);  // one
}

// 5 MB lie in the L2 of 10 MB, 20 MB do not, of 15 MB half does.
TEST(StreamingForm, TheCacheIsFaster) {
  const StreamingForm form{.memory = 0.5, .cached = 2, .launch = 1e-6};
  const auto t = [&](double bytes) {
    return microseconds(form, Streaming{StreamingKind::norm, Bytes{bytes}}, device(1e12));
  };
  EXPECT_NEAR(t(5e6), 1 + 5, 1e-9);
  EXPECT_NEAR(t(20e6), 1 + 40, 1e-9);
  EXPECT_NEAR(t(15e6), 1 + 0.75 * 30, 1e-9);
}

TEST(KernelKinds, TellDecodeFromPrefill) {
  EXPECT_EQ(kind_of(one), KernelKind::attn_decode);
  EXPECT_EQ(kind_of(square), KernelKind::attn_prefill);
  EXPECT_EQ(kind_of(Streaming{StreamingKind::optimizer, Bytes{1}}), KernelKind::optimizer);
  EXPECT_EQ(to_string(KernelKind::cross_entropy), "cross_entropy");
}

}  // namespace
}  // namespace forerun

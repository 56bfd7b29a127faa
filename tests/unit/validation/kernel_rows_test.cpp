// Are measured kernels read as their columns say, scored by hand-checked figures, and refused with places?
#include "validation/kernels/kernel_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hardware/catalog.hpp"
#include "validation/kernels/kernel_fitting.hpp"
#include "validation/kernels/kernel_validation.hpp"

namespace forerun {
namespace {

const std::string header =
    "source,gpu,dtype,kind,m,n,k,batch,heads,kv_heads,head_dim,q_len,kv_len,bytes,ranks,time_us,notes\n";

KernelRows rows(const std::string& lines) {
  const auto read = parse_kernel_rows(header + lines, "k.csv");
  EXPECT_TRUE(read) << to_string(read.error());
  return read ? *read : KernelRows{};
}

TEST(KernelRows, AreKernelsWithTheirLibraryAndGroup) {
  const KernelRows read = rows(
      "lab,A100-SXM,bf16,gemm,8192.0,512.0,768.0,,,,,,,,,49.69,sglang-0.5.10\n"
      "vidur,H100-SXM,fp16,gemm,1,2,3,,,,,,,,,5,Llama;mlp_up_proj;tp8\n"
      "lab,A100-SXM,bf16,attn_decode,,,,64,8,2,128,1,2048,,,115.2,sglang-0.5.10;flash\n"
      "vidur,A100-SXM,fp16,elementwise,104,,,,,,,,,5111808,,4,Llama;emb;tp1\n"
      "lab,A100-SXM,fp16,allreduce,,,,,,,,,,1024,8,50,\n"
      "lab,A100-SXM,fp8,gemm,16,16,16,,,,,,,,,5,\n");
  ASSERT_EQ(read.rows.size(), 5U);
  EXPECT_EQ(read.collectives, 1U);
  EXPECT_EQ(std::get<Gemm>(read.rows[0].kernel), (Gemm{.m = 8192, .n = 512, .k = 768}));
  EXPECT_EQ(read.rows[0].library, "sglang-0.5.10");
  EXPECT_EQ(read.rows[0].group, "512 768 1");
  EXPECT_DOUBLE_EQ(read.rows[0].time.value(), 49.69e-6);
  EXPECT_EQ(read.rows[1].library, "vidur-cublas");
  EXPECT_EQ(read.rows[1].group, "Llama");
  EXPECT_EQ(read.rows[2].library, "sglang-0.5.10/flash");
  EXPECT_EQ(read.rows[2].group, "8 2 128");
  EXPECT_EQ(std::get<FusedAttention>(read.rows[2].kernel).visible, 1);  // one query sees all keys
  EXPECT_EQ(std::get<Streaming>(read.rows[3].kernel), (Streaming{StreamingKind::embedding, Bytes{5111808}}));
  EXPECT_EQ(read.rows[4].library, "lab");
}

TEST(KernelRows, SayAllThatIsWrongAtOnce) {
  const auto read = parse_kernel_rows(header +
                                          "lab,A100-SXM,bf16,gemm,0,1,1.5,,,,,,,,,-5,\n"
                                          "lab,A100-SXM,bf16,attn_prefill,,,,1,8,8,128,64,32,,,5,\n",
                                      "k.csv");
  ASSERT_FALSE(read);
  const std::string said = to_string(read.error());
  for (const char* part : {"k.csv:2:24: error: '0' is not a value for 'm'", "'1.5' is not a value for 'k'",
                           "'-5' is not a value for 'time_us'", "k.csv:3:"}) {
    EXPECT_THAT(said, testing::HasSubstr(part));
  }
}

constexpr const char* unknown_words =
    "lab,A100-SXM,bf16,gem,1,1,1,,,,,,,,,5,\n"
    "lab,A100-SXN,bf16,gemm,1,1,1,,,,,,,,,5,\n"
    "lab,A100-SXM,mxfp8,gemm,0,1,1.5,,,,,,,,,-5,\n"
    "lab,A100-SXM,mxfp8,gemm,16,16,16,,,,,,,,,5,\n";

TEST(KernelRows, OfUnknownWordsAreCountedAndLeaveTheOthers) {
  const KernelRows read = rows(std::string(unknown_words) + "lab,A100-SXM,bf16,gemm,16,16,16,,,,,,,,,5,\n");
  EXPECT_EQ(read.rows.size(), 1U);
  ASSERT_EQ(read.skipped.size(), 3U);
  EXPECT_EQ(read.skipped[0].reason, "kind: 'gem' is not the kind of a kernel");
  EXPECT_EQ(read.skipped[1].reason, "gpu: 'A100-SXN' is not a device that the catalogue knows");
  EXPECT_EQ(read.skipped[2].reason, "dtype: 'mxfp8' is not a number format");
  EXPECT_EQ(read.skipped[2].n, 2U);
  const auto validation = validate_kernels(read);
  ASSERT_TRUE(validation);
  EXPECT_EQ(validation->skipped.size(), 3U);
}

TEST(KernelRows, OfUnknownWordsAloneAreRefusedWithPlaces) {
  const auto read = parse_kernel_rows(header + unknown_words, "k.csv");
  ASSERT_FALSE(read);
  const std::string said = to_string(read.error());
  for (const char* part : {"k.csv:2:19: error: 'gem'", "k.csv:3:5: error: 'A100-SXN'", "k.csv:4:14: error: 'mxfp8'"})
    EXPECT_THAT(said, testing::HasSubstr(part));
}

TEST(KernelRows, NameMissingColumns) {
  const auto read = parse_kernel_rows("gpu,kind,m\nA100,gemm,1\n", "k.csv");
  ASSERT_FALSE(read);
  EXPECT_THAT(to_string(read.error()), testing::HasSubstr("missing columns: dtype, time_us"));
}

// A calibration whose products take exactly their launch of 8 us for tiny shapes: measured 8, 10 and 4 us are errors of
// 0, 20 and 100 %.
TEST(KernelValidation, ScoresByHand) {
  KernelFit fit{.kind = KernelKind::gemm, .library = "lab", .source = "lab", .date = "today", .samples = 20};
  fit.form = GemmForm{.compute = 1, .memory = 1, .launch = 8e-6, .exponent = 2, .prologue = 1, .small_tiles = 0.02};
  for (ResidualQuantiles& q : fit.residuals) q.band = 0.3;  // e^0.3 = 1.35: 8 and 10 us are inside, 4 us is not
  const KernelRows measured = rows(
      "lab,A100-SXM,bf16,gemm,1,1,1,,,,,,,,,8,\nlab,A100-SXM,bf16,gemm,1,1,1,,,,,,,,,10,\nlab,A100-SXM,bf16,gemm,1,1,1,"
      ",,,,,,,,4,\n");
  const auto validation = validate_kernels(measured, {.calibration = KernelCalibration{"a100-sxm-80gb", {fit}}});
  ASSERT_TRUE(validation);
  ASSERT_EQ(validation->groups.size(), 1U);
  const KernelGroupScore& group = validation->groups[0];
  EXPECT_EQ(group.evidence, Evidence::fitted);
  EXPECT_EQ(group.predicted.n, 3U);
  EXPECT_NEAR(group.predicted.median, 0.2, 0.01);  // one tile of almost no k takes some nanoseconds
  EXPECT_NEAR(group.predicted.p90, 0.2 + 0.8 * 0.8, 0.02);  // place 1.8 of 0, 0.2 and 1
  EXPECT_NEAR(group.predicted.sum_ratio, 24.0 / 22, 0.01);
  EXPECT_NEAR(group.predicted.in_band, 2.0 / 3, 1e-12);
}

// Unknown libraries and devices without a calibration are predicted all the same.
TEST(KernelValidation, PredictsWhatItDoesNotKnow) {
  const KernelRows measured = rows(
      "new,H200,bf16,gemm,4096,4096,4096,,,,,,,,,200,deepgemm-9\nnew,B200,fp8,gemm,4096,4096,4096,,,,,,,,,60,deepgemm-"
      "9\n"
      "new,L40S,bf16,attn_decode,,,,8,32,8,128,1,4096,,,300,flashinfer\nnew,MI300X,bf16,norm,,,,,,,,,,1e8,,50,aiter\n");
  const auto validation = validate_kernels(measured);
  ASSERT_TRUE(validation);
  EXPECT_EQ(validation->groups.size(), 4U);
  for (const KernelGroupScore& group : validation->groups) {
    EXPECT_EQ(group.evidence, Evidence::datasheet);
    EXPECT_LT(group.predicted.median, 1);
  }
}

// 30 products whose time is a known form; 5 of another library are too few to fit.
TEST(KernelFitting, FitsEachLibraryAndSaysWhatIsTooLittle) {
  const Device device = *find_device("a100");
  const GemmForm truth{
      .compute = 0.8, .memory = 0.7, .launch = 5e-6, .exponent = 3, .prologue = 50, .small_tiles = 0.3};
  KernelRows measured;
  for (int i = 0; i < 35; ++i) {
    const Gemm gemm{.m = 16 << (i % 10), .n = 1024 * (1 + i % 3), .k = 4096};
    KernelRow row{.source = "lab",
                  .gpu = "A100-SXM",
                  .kind = "gemm",
                  .library = i < 30 ? "first" : "second",
                  .group = std::to_string(gemm.n)};
    row.kernel = gemm, row.time = time(KernelForm{truth}, device, gemm);
    measured.rows.push_back(row);
  }
  const KernelFitting fitting = fit_rows(measured, "2026-01-02");
  ASSERT_EQ(fitting.devices.size(), 1U);
  ASSERT_EQ(fitting.devices[0].fits.size(), 2U);
  EXPECT_EQ(fitting.devices[0].fits[0].library, "first");
  EXPECT_EQ(fitting.devices[0].fits[0].samples, 30U);
  EXPECT_LT(fitting.devices[0].fits[0].in_sample.p90, 0.02);
  EXPECT_EQ(fitting.devices[0].fits[1].library, "any");
  EXPECT_EQ(fitting.devices[0].fits[1].samples, 35U);
  EXPECT_THAT(fitting.too_few, testing::ElementsAre("a100-sxm-80gb bf16 gemm second (5 rows)"));
}

}  // namespace
}  // namespace forerun

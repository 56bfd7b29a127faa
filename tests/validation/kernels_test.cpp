// Are the times of single kernels right, against public timings on A100 and H100? (A fifteenth of the rows; the shipped
// calibrations were fitted to all of them, so that the errors on rows left out are what counts.)
#include <gtest/gtest.h>

#include <cstdio>

#include "reports/scores/kernel_report.hpp"

namespace forerun {
namespace {

const KernelRows& rows() {
  static const auto read = read_kernel_rows(FORERUN_ROOT "/tests/validation/data/kernels_sample.csv");
  EXPECT_TRUE(read) << to_string(read.error());
  return *read;
}

struct Bound {
  double median, p90;
};
// Of what nobody can see from a shape there are two kinds: fp8 products, of which one library's time includes its
// quantisation, and attention, whose kernels differ by library.
Bound bound(const KernelGroupScore& group) {
  if (group.dtype == "fp8") return {0.15, 0.65};
  if (group.kind == "gemm") return group.source == "vidur" ? Bound{0.08, 0.20} : Bound{0.085, 0.28};
  if (group.kind == "attn_prefill") return {0.09, 0.36};
  if (group.kind == "attn_decode") return {0.16, 0.45};
  return {0.12, 0.25};
}

TEST(PublishedKernels, AreFittedWithinBounds) {
  const auto validation = validate_kernels(rows());
  ASSERT_TRUE(validation);
  std::puts(to_text(*validation, 140).c_str());
  for (const KernelGroupScore& group : validation->groups) {
    const std::string name = group.source + " " + group.gpu + " " + group.dtype + " " + group.kind;
    EXPECT_GE(group.evidence, Evidence::fitted) << name;
    EXPECT_LE(group.predicted.median, bound(group).median) << name;
    EXPECT_LE(group.predicted.p90, bound(group).p90) << name;
    EXPECT_NEAR(group.predicted.sum_ratio, 1, group.predicted.n > 200 ? 0.1 : 0.15) << name;
    // Bands are those of rows left out: of rows that the samples hold, more are inside.
    EXPECT_GE(group.predicted.in_band, group.predicted.n > 200 ? 0.74 : 0.6) << name;
  }
}

// Refitted to this fifteenth, with fewer samples near each row than the shipped fits have.
TEST(PublishedKernels, FourInFiveRowsLeftOutAreInTheirBands) {
  const auto validation =
      validate_kernels(rows(), {.left_out = true, .over = {}, .by_library = false, .calibration = {}, .own = {}});
  ASSERT_TRUE(validation);
  for (const KernelGroupScore& group : validation->groups) {
    if (!group.left_out || group.left_out->n < 200) continue;
    EXPECT_NEAR(group.left_out->in_band, 0.8, 0.07)
        << group.source << " " << group.gpu << " " << group.dtype << " " << group.kind;
  }
}

// What an A100 taught, scaled by the datasheet: H100 products and attention.
TEST(PublishedKernels, TransferFromOneGenerationToTheNext) {
  const auto validation = validate_kernels(rows(), {.calibration = *find_kernel_calibration("a100-sxm-80gb")});
  ASSERT_TRUE(validation);
  for (const KernelGroupScore& group : validation->groups) {
    if (group.gpu != "H100-SXM" || group.dtype == "fp8" || !(group.kind == "gemm" || group.kind.starts_with("attn")))
      continue;
    std::printf("%s H100 %s from A100: %.1f / %.1f %%\n", group.source.c_str(), group.kind.c_str(),
                100 * group.predicted.median, 100 * group.predicted.p90);
    EXPECT_EQ(group.evidence, Evidence::datasheet);
    EXPECT_LE(group.predicted.median, 0.18);
    EXPECT_LE(group.predicted.p90, 0.45);
  }
}

}  // namespace
}  // namespace forerun

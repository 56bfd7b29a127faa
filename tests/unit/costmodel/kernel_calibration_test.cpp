// Do calibrations read back what was written, say what is wrong with them, and answer for libraries that they do not
// know?
#include "costmodel/kernels/kernel_calibration.hpp"

#include <gtest/gtest.h>

#include "base/files/embedded.hpp"
#include "base/files/yaml.hpp"
#include "costmodel/kernel_model.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

KernelFit fit(KernelKind kind, const std::string& library, DType dtype = DType::bf16) {
  KernelFit f{.kind = kind,
              .dtype = dtype,
              .library = library,
              .source = "someone",
              .date = "2026-01-02",
              .samples = 40,
              .groups = 4};
  f.form = start_form(kind);
  f.in_sample = {0.05, 0.2}, f.left_out = {0.06, 0.25};
  f.residuals = {{{10, -0.3, 0.01, 0.4, 0.35}, {20, -0.1, 0, 0.1, 0.1282}, {10, -0.05, 0, 0.05, 0.05}}};
  return f;
}

KernelCalibration calibration() {
  KernelCalibration c{.device = "a100-sxm-80gb", .fits = {}};
  for (const char* library : {"cutlass-1", "vllm-0.14.0", "any"}) c.fits.push_back(fit(KernelKind::gemm, library));
  for (const char* library : {"vllm-0.24.0/fa3", "vllm-0.24.0/fa4", "vllm-0.10.0/fa3"})
    c.fits.push_back(fit(KernelKind::attn_prefill, library));
  c.fits.push_back(fit(KernelKind::attn_decode, "x"));
  c.fits.push_back(fit(KernelKind::elementwise, "vidur-add"));
  return c;
}

KernelCalibration parsed(const std::string& text) {
  const auto document = YamlDocument::parse(text, "c.yaml");
  if (!document) return {};
  KernelCalibration read = read_kernel_calibration(document->root());
  EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
  return read;
}

TEST(KernelCalibration, ReadsBackWhatWasWritten) {
  const std::string text = to_yaml(calibration());
  const auto document = YamlDocument::parse(text, "c.yaml");
  const KernelCalibration read = read_kernel_calibration(document->root());
  EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
  ASSERT_EQ(read.fits.size(), calibration().fits.size());
  EXPECT_EQ(to_yaml(read), text);
  EXPECT_EQ(read.fits[1].library, "vllm-0.14.0");
  EXPECT_EQ(read.fits[1].residuals, calibration().fits[1].residuals);
  EXPECT_EQ(std::get<GemmForm>(read.fits[0].form).prologue, std::get<GemmForm>(calibration().fits[0].form).prologue);
}

TEST(KernelCalibration, SaysAllThatIsWrong) {
  std::string text = to_yaml({.device = "a100-sxm-80gb", .fits = {fit(KernelKind::gemm, "x")}});
  const auto replace = [&](const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
  };
  replace("compute: 0.8", "compute: 1.5");
  replace("launch: 3 us", "launch: 3 ms");
  replace("memory: 0.8", "memry: 0.8");
  replace("below: 10 us", "below: 20 us");
  const auto document = YamlDocument::parse(text, "c.yaml");
  read_kernel_calibration(document->root());
  const std::string said = to_string(document->problems());
  for (const char* part : {"1.5", "'launch' is out of range", "unknown key 'memry'", "'memory'", "regimes of time"}) {
    EXPECT_NE(said.find(part), said.npos) << part << "\n" << said;
  }
}

TEST(KernelCalibration, KeepsAnyText) {
  KernelFit odd = fit(KernelKind::gemm, "li\"b: #1");
  odd.source = "back\\slash\nline", odd.date = "to-day: {";
  const KernelFit read = parsed(to_yaml({.device = "a100-sxm-80gb", .fits = {odd}})).fits.at(0);
  EXPECT_EQ(read.library, odd.library);
  EXPECT_EQ(read.source, odd.source);
  EXPECT_EQ(read.date, odd.date);
}

TEST(KernelCalibration, KnowsADeviceOfTheCatalogueByWhateverAlias) {
  std::string text = to_yaml(calibration());
  text.replace(0, text.find('\n'), "device: A100");
  EXPECT_EQ(parsed(text).device, find_device("a100")->name);
  text.replace(0, text.find('\n'), "device: mine");
  EXPECT_EQ(parsed(text).device, "mine");  // of one's own
}

TEST(ChooseFit, PrefersTheVeryLibraryThenItsKernelThenItsSoftwareThenAll) {
  const KernelCalibration c = calibration();
  const auto chosen = [&](KernelKind kind, const char* library) {
    return choose_fit(c, kind, DType::bf16, library)->library;
  };
  EXPECT_EQ(chosen(KernelKind::gemm, "cutlass-1"), "cutlass-1");
  EXPECT_EQ(chosen(KernelKind::gemm, "vllm-0.9"), "vllm-0.14.0");
  EXPECT_EQ(chosen(KernelKind::gemm, "deepgemm"), "any");
  EXPECT_EQ(chosen(KernelKind::attn_prefill, "vllm-0.24.1/fa4"), "vllm-0.24.0/fa4");
  EXPECT_EQ(chosen(KernelKind::attn_prefill, "vllm-0.11.0/fa3"), "vllm-0.10.0/fa3");
  EXPECT_EQ(chosen(KernelKind::attn_prefill, "vllm-0.24.0/triton"), "vllm-0.24.0/fa3");
  EXPECT_EQ(chosen(KernelKind::attn_prefill, "vllm-0.2.9/fa3"),
            "vllm-0.10.0/fa3");  // versions are numbers, though "0.2" begins as "0.24" does
  EXPECT_EQ(chosen(KernelKind::attn_prefill, "vllm-1.0.0/fa3"), "vllm-0.24.0/fa3");
  EXPECT_EQ(chosen(KernelKind::attn_decode, "sglang"), "x");  // all there is
}

TEST(ChooseFit, PrefersTheFormatAmongEquals) {
  const KernelCalibration c{
      .device = "x",
      .fits = {fit(KernelKind::attn_prefill, "mine", DType::bf16), fit(KernelKind::attn_prefill, "mine", DType::fp32),
               fit(KernelKind::attn_prefill, "mine", DType::fp64)}};
  for (const DType dtype : {DType::bf16, DType::fp32, DType::fp64})
    EXPECT_EQ(choose_fit(c, KernelKind::attn_prefill, dtype, "")->dtype, dtype);
  EXPECT_EQ(choose_fit(c, KernelKind::attn_prefill, DType::fp16, "")->dtype, DType::bf16);
}

// Files from before there were samples of backward passes.
TEST(KernelCalibration, MayLeaveOutTheRateOfBackwardPasses) {
  std::string text = to_yaml({.device = "a100-sxm-80gb", .fits = {fit(KernelKind::norm, "x")}});
  const std::string backward = ", backward: 1";
  ASSERT_NE(text.find(backward), text.npos);
  text.erase(text.find(backward), backward.size());
  EXPECT_EQ(std::get<StreamingForm>(parsed(text).fits[0].form).backward, 1);
}

TEST(MakeKernels, PricesActivationsAsElementWiseWorkWhereTheyWereNotMeasured) {
  const Device device = *find_device("a100");
  KernelCalibration own{.device = device.name, .fits = {fit(KernelKind::elementwise, "mine")}};
  const auto time = [&](StreamingKind kind) {
    return make_kernels(device, *find_family_parameters(device.family), {.own = &own})
        ->time(Streaming{kind, Bytes{1e8}});
  };
  EXPECT_EQ(time(StreamingKind::activation), time(StreamingKind::elementwise));
  own.fits.push_back(fit(KernelKind::activation, "mine"));
  std::get<StreamingForm>(own.fits.back().form).memory = 0.3;
  EXPECT_GT(time(StreamingKind::activation).median, time(StreamingKind::elementwise).median);
}

TEST(ChooseFit, SixteenBitFormatsAreOneAndOthersTheirOwn) {
  const KernelCalibration c = calibration();
  EXPECT_NE(choose_fit(c, KernelKind::gemm, DType::fp16, "any"), nullptr);
  EXPECT_EQ(choose_fit(c, KernelKind::gemm, DType::fp8, "any"), nullptr);
  EXPECT_NE(choose_fit(c, KernelKind::attn_decode, DType::fp8, "any"), nullptr);
  EXPECT_EQ(choose_fit(c, KernelKind::norm, DType::bf16, "any"), nullptr);
}

TEST(ShippedCalibrations, AllReadAndNameTheirDevice) {
  int files = 0;
  for (const EmbeddedFile& file : embedded_costmodel()) {
    if (!file.path.starts_with("costmodel/data/devices/")) continue;
    ++files;
    const auto document = YamlDocument::parse(std::string(file.text), std::string(file.path));
    ASSERT_TRUE(document);
    const KernelCalibration c = read_kernel_calibration(document->root());
    EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
    EXPECT_EQ(file.path, "costmodel/data/devices/" + c.device + ".yaml");
    EXPECT_TRUE(find_device(c.device));
    EXPECT_NE(find_kernel_calibration(c.device), nullptr);
    for (const KernelFit& f : c.fits) {
      EXPECT_GE(f.samples, 20U);
      for (const ResidualQuantiles& q : f.residuals) EXPECT_LE(q.p10, q.p90);
    }
  }
  EXPECT_GE(files, 2);
}

// --- what a model makes of them

const Gemm product{.m = 4096, .n = 4096, .k = 4096};

FamilyParameters family(const char* name) { return *find_family_parameters(name); }

TEST(MakeKernels, FittedWhereTheDeviceIsCalibrated) {
  const auto kernels = make_kernels(*find_device("a100"), family("ampere"));
  EXPECT_EQ(kernels->time(product).evidence, Evidence::fitted);
  EXPECT_EQ(kernels->time(Streaming{StreamingKind::optimizer, Bytes{1e9}}).evidence,
            Evidence::datasheet);  // nobody measured it
}

TEST(MakeKernels, TheBandIsThatOfTheRegimeOfTime) {
  const Device device = *find_device("a100");
  const KernelCalibration c = calibration();
  const auto kernels = make_kernels(device, family("ampere"), {.library = "vllm-0.14.0", .calibration = &c});
  const Timing small = kernels->time(Gemm{.m = 8, .n = 128, .k = 128}), large = kernels->time(product);
  ASSERT_LT(small.median, Seconds{10e-6});
  ASSERT_GT(large.median, Seconds{100e-6});
  EXPECT_DOUBLE_EQ(small.spread, 0.35 / 1.2816);
  EXPECT_DOUBLE_EQ(large.spread, 0.05 / 1.2816);
}

// Another device's fits are shares of this one's datasheet, and cycles of this one's clock; bands are widened.
TEST(MakeKernels, BorrowsFromADeviceOfItsKind) {
  Device other = *find_device("a100");
  other.name = "a100-twice", other.clock *= 2;
  const KernelCalibration c = calibration();
  FamilyParameters parameters = family("ampere");
  parameters.like = {"a100-sxm-80gb", {KernelKind::gemm}, 1.5};
  const auto kernels = make_kernels(other, parameters, {.library = "vllm-0.14.0", .calibration = &c});
  const Timing t = kernels->time(product);
  GemmForm form = std::get<GemmForm>(start_form(KernelKind::gemm));
  form.launch /= 2;
  EXPECT_DOUBLE_EQ(t.median.value(), time(KernelForm{form}, other, product).value());
  EXPECT_DOUBLE_EQ(t.spread, 1.5 * 0.05 / 1.2816);
  EXPECT_EQ(t.evidence, Evidence::datasheet);
}

TEST(MakeKernels, PowerCapsProductsInStepsButNotInBenchmarks) {
  const Device device = *find_device("h100");
  const FamilyParameters hopper = family("hopper");
  ASSERT_TRUE(hopper.gemm.teraflops_per_watt);
  const Gemm large{.m = 16384, .n = 16384, .k = 16384};
  const Seconds sustained = make_kernels(device, hopper, {.library = "vllm-0.24.0"})->time(large).median;
  const Seconds short_run =
      make_kernels(device, hopper, {.library = "vllm-0.24.0", .sustained = false})->time(large).median;
  EXPECT_GE(sustained, flops(large) / (sustained_share(device, hopper.gemm) * peak(device, DType::bf16)));
  EXPECT_LT(short_run, sustained);
}

TEST(MakeKernels, OldAttentionOnADeviceWithOnlyTheNewKeepsTheFamilysShare) {
  const Device device = *find_device("h100");
  const FusedAttention attention{.sequences = 1,
                                 .heads = 32,
                                 .kv_heads = 8,
                                 .head_dim = 128,
                                 .value_dim = 128,
                                 .q_len = 8192,
                                 .kv_len = 8192,
                                 .visible = 0.5};
  const FamilyParameters hopper = family("hopper");
  EXPECT_EQ(make_kernels(device, hopper, {.attention = AttentionKernel::flash2})->time(attention).evidence,
            Evidence::datasheet);
  EXPECT_EQ(make_kernels(device, hopper, {.attention = AttentionKernel::flash3})->time(attention).evidence,
            Evidence::fitted);
}

// --- samples beside a form

KernelFit with_samples(KernelFit f) {
  f.measured =
      MeasuredResiduals{{.radius = 2, .shrink = 0.25, .cells = {{{12, 12, 12, 0}, 0.2}, {{3, 7.25, 7, 0}, -0.1234}}},
                        {0.03, 0.1},
                        f.residuals};
  f.measured->residuals[2].band = 0.02;
  return f;
}

TEST(KernelCalibration, ReadsTheSamplesThatItWrote) {
  const KernelCalibration c{"a100-sxm-80gb", {with_samples(fit(KernelKind::gemm, "mine"))}};
  const auto document = YamlDocument::parse(to_yaml(c), "c.yaml");
  ASSERT_TRUE(document);
  EXPECT_EQ(read_kernel_calibration(document->root()), c);
  EXPECT_TRUE(document->problems().empty());
}

TEST(KernelCalibration, SaysWhichLineOfItsPointsIsWrong) {
  for (const std::string wrong : {"12 12 12 0", "12 12 12 0 0.2 1", "12 12 12 x 0.2", "99 12 12 0 0.2"}) {
    std::string text = to_yaml(KernelCalibration{"a100-sxm-80gb", {with_samples(fit(KernelKind::gemm, "mine"))}});
    const std::string right = "12 12 12 0 0.2000";
    text.replace(text.find(right), right.size(), wrong);
    const auto document = YamlDocument::parse(text, "c.yaml");
    ASSERT_TRUE(document);
    read_kernel_calibration(document->root());
    ASSERT_EQ(document->problems().size(), 1U) << wrong;
    EXPECT_NE(document->problems()[0].message.find("line 1 of the points"), std::string::npos);
    EXPECT_NE(document->problems()[0].hint.find("4 coordinates"), std::string::npos);
  }
}

TEST(MakeKernels, MeasuredAmongSamplesAndExactlyFittedFarFromThem) {
  const Device device = *find_device("a100");
  const KernelCalibration c{"a100-sxm-80gb", {with_samples(fit(KernelKind::gemm, "mine"))}},
      form{"a100-sxm-80gb", {fit(KernelKind::gemm, "mine")}};
  const auto with = make_kernels(device, family("ampere"), {.own = &c}),
             without = make_kernels(device, family("ampere"), {.own = &form});
  const Timing near = with->time(product);
  EXPECT_EQ(near.evidence, Evidence::measured);
  EXPECT_DOUBLE_EQ(near.median.value(), without->time(product).median.value() * std::exp(0.2 / 1.25));
  EXPECT_DOUBLE_EQ(near.spread, 0.02 / 1.2816);
  const Gemm far{.m = 65536, .n = 1024, .k = 1024};
  EXPECT_EQ(with->time(far), without->time(far));
  const Gemm edge{.m = 8192, .n = 8192, .k = 8192};  // 1.73 of 2: weight 1/16
  EXPECT_EQ(with->time(edge).evidence, Evidence::fitted);
  EXPECT_GT(with->time(edge).median, without->time(edge).median);
  Device other = device;
  other.name = "a100-other";  // samples are of one device
  EXPECT_EQ(make_kernels(other, family("ampere"), {.library = "mine", .calibration = &c})->time(product),
            make_kernels(other, family("ampere"), {.library = "mine", .calibration = &form})->time(product));
}

TEST(MakeKernels, FastSamplesDoNotOutrunThePowerLimitInSteps) {
  const Device device = *find_device("h100");
  const FamilyParameters hopper = family("hopper");
  KernelFit fast = with_samples(fit(KernelKind::gemm, "mine"));
  std::get<GemmForm>(fast.form).compute = 1;
  fast.measured->field.cells[0] = {{14, 14, 14, 0}, -0.5};
  KernelFit form = fast;
  form.measured.reset();
  const KernelCalibration with{"h100-sxm-80gb", {fast}}, without{"h100-sxm-80gb", {form}};
  const Gemm large{.m = 16384, .n = 16384, .k = 16384};
  EXPECT_EQ(make_kernels(device, hopper, {.own = &with})->time(large).median,
            make_kernels(device, hopper, {.own = &without})->time(large).median);
  EXPECT_LT(make_kernels(device, hopper, {.sustained = false, .own = &with})->time(large).median,
            make_kernels(device, hopper, {.sustained = false, .own = &without})->time(large).median);
}

TEST(ShippedCalibrations, KeepSamplesOnlyWhereTheyGainFivePercentOnRowsLeftOut) {
  int kept = 0;
  for (const char* device : {"a100-sxm-80gb", "h100-sxm-80gb"}) {
    for (const KernelFit& f : find_kernel_calibration(device)->fits) {
      if (!f.measured) continue;
      ++kept;
      EXPECT_LE(f.measured->left_out.median, 0.95 * f.left_out.median + 1e-4)
          << device << " " << to_string(f.kind) << " " << f.library;
      EXPECT_LE(f.measured->left_out.p90, 0.95 * f.left_out.p90 + 1e-4)
          << device << " " << to_string(f.kind) << " " << f.library;
      EXPECT_LE(f.measured->field.cells.size(), most_cells);
      EXPECT_NE(f.library, any_library);
    }
  }
  EXPECT_GT(kept, 10);
}

}  // namespace
}  // namespace forerun

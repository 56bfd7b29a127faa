// Does the profile of a GPU name the catalogue's device or describe its own, and go on only with samples of the same?
// With the backend of the CPU in a GPU's place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/files/yaml.hpp"
#include "hardware/catalog.hpp"
#include "profiler/gpu_profile.hpp"

namespace forerun {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class GpuProfiles : public testing::Test {
 protected:
  GpuProfiles() { fs::create_directory(folder_); }
  ~GpuProfiles() override { fs::remove_all(folder_); }

  [[nodiscard]] ProfileOptions options() const {
    ProfileOptions o{.stem = folder_ / "gpu", .quick = true, .dtypes = {DType::bf16, DType::fp32}};
    o.sweep = {.products = 2, .attentions = 2, .each_streaming = 1, .most_work = Flops{3e6}};
    o.range = {.most_streamed = 1 << 14, .squares = {64, 96}};
    o.effort = {.budget = Seconds{0}, .fewest = 2, .most = 2};
    o.reference = product_case(DType::bf16, 64, 64, 64);
    return o;
  }
  Result<GpuProfileResult> run(const CudaDevice& gpu, const ProfileOptions& o) {
    EventSampler sampler(make_cpu_backend(), {.pool = Bytes{1 << 16}, .batch = Seconds{1e-6}, .fewest = 2, .most = 4});
    const auto link = [](HostDirection direction, Bytes bytes, int) {
      return Seconds{10e-6 + bytes.value() / (direction == HostDirection::to_device ? 50e9 : 40e9)};
    };
    return profile_gpu(o, sampler, gpu, {.host_copy = link, .power_limit = Watts{333}});
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    std::ifstream in(folder_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  const CudaDevice known_{.name = "NVIDIA H200",
                          .pci_bus = "",
                          .sms = 132,
                          .major = 9,
                          .minor = 0,
                          .memory = Bytes{150e9},
                          .l2 = Bytes{50e6},
                          .clock = Hertz{1.98e9},
                          .bandwidth = BytesPerSecond{4.8e12},
                          .driver = 13000,
                          .runtime = 13000};
  const CudaDevice other_ = [this] {
    CudaDevice gpu = known_;
    gpu.name = "NVIDIA H200 NVL";
    return gpu;
  }();
  const fs::path folder_ = fs::temp_directory_path() / ("forerun-gpu-profile-" + std::to_string(::getpid()));
};

TEST_F(GpuProfiles, NameTheCataloguesDevice) {
  const auto result = run(known_, options());
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_TRUE(result->in_catalogue);
  EXPECT_EQ(result->device, "h200-sxm-141gb");
  EXPECT_THAT(text("gpu.samples.csv"), HasSubstr("\nprofile,h200-sxm-141gb,bf16,gemm,"));
  EXPECT_THAT(text("gpu.samples.csv"), HasSubstr(";launches="));
  EXPECT_FALSE(fs::exists(folder_ / "gpu.device.yaml"));
  const auto cluster = find_cluster(folder_ / "gpu.cluster.yaml");
  ASSERT_TRUE(cluster) << to_string(cluster.error());
  EXPECT_EQ(node_of(*cluster).device, *find_device("h200-sxm-141gb"));
  EXPECT_EQ(node_of(*cluster).devices, 1);
  EXPECT_NEAR(node_of(*cluster).host.bandwidth.value(), 40e9, 1e6);  // the slower way
  EXPECT_THAT(result->written, ElementsAre(folder_ / "gpu.cluster.yaml"));
  EXPECT_EQ(result->samples.rows, plan_sweep(options().sweep, options().range, options().dtypes, 1).size());
  EXPECT_NEAR(result->measured.to_host.bandwidth.value(), 40e9, 1e4);
  EXPECT_GT(result->measured.product.at(DType::fp32), FlopsPerSecond{0});
  EXPECT_GT(result->measured.launch_alone, Seconds{0});
  EXPECT_GT(result->overlap.product_slowdown, 0);
  EXPECT_THAT(result->remarks, Contains(StartsWith("links between GPUs cannot be measured")));
}

TEST_F(GpuProfiles, DescribeADeviceThatTheCatalogueDoesNotKnow) {
  const auto result = run(other_, options());
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->device, "gpu.device.yaml");
  const auto document = YamlDocument::load(folder_ / "gpu.device.yaml");
  ASSERT_TRUE(document);
  const Device device = read_device(document->root());
  EXPECT_TRUE(document->problems().empty());
  EXPECT_EQ(device.name, "nvidia-h200-nvl");
  EXPECT_EQ(device.family, "hopper");
  EXPECT_EQ(device.power, Watts{333});
  const auto cluster = find_cluster(folder_ / "gpu.cluster.yaml");
  ASSERT_TRUE(cluster) << to_string(cluster.error());
  EXPECT_EQ(node_of(*cluster).device, device);
  EXPECT_THAT(result->written, ElementsAre(folder_ / "gpu.device.yaml", folder_ / "gpu.cluster.yaml"));
}

TEST_F(GpuProfiles, GoOnOnlyWithSamplesOfTheSameDevice) {
  ASSERT_TRUE(run(known_, options()));
  ProfileOptions again = options();
  again.resume = true;
  const auto same = run(known_, again);
  ASSERT_TRUE(same);
  EXPECT_EQ(same->samples.kept, same->samples.rows);
  const auto another = run(other_, again);
  ASSERT_FALSE(another);
  EXPECT_THAT(to_string(another.error()),
              HasSubstr("these are samples of nvidia-h200-132-sms-140-gib, not of nvidia-h200-nvl-132-sms-140-gib"));
}

TEST_F(GpuProfiles, RefuseAGpuOfNoFamily) {
  CudaDevice old = other_;
  old.major = 6;
  const auto result = run(old, options());
  ASSERT_FALSE(result);
  EXPECT_THAT(to_string(result.error()), HasSubstr("compute capability 6.0"));
}

// In fp32 and bf16, 80 bytes for each of 134 million elements are 10.7 GB: too much for seven tenths of 12 GB. With
// fp64, 176 bytes are 23.6 GB.
TEST(GpuSweep, FitsTheMemory) {
  const std::vector<DType> bf16{DType::bf16}, two{DType::bf16, DType::fp32},
      three{DType::bf16, DType::fp32, DType::fp64};
  EXPECT_EQ(gpu_range(Bytes{80e9}, two).most_streamed, 1 << 27);
  EXPECT_EQ(gpu_range(Bytes{12e9}, two).most_streamed, 1 << 26);
  EXPECT_EQ(gpu_range(Bytes{30e9}, two).most_streamed, 1 << 27);
  EXPECT_EQ(gpu_range(Bytes{30e9}, three).most_streamed, 1 << 26);
  double most_rows = 0, most_bytes = 0, most_tokens = 0;
  for (const KernelCase& one : plan_sweep(quick_gpu_sweep, gpu_range(Bytes{80e9}, bf16), bf16, 1)) {
    EXPECT_LE(flops(one.kernel), quick_gpu_sweep.most_work);
    if (const auto* g = std::get_if<Gemm>(&one.kernel)) most_rows = std::max(most_rows, static_cast<double>(g->m));
    if (const auto* a = std::get_if<FusedAttention>(&one.kernel)) {
      most_tokens = std::max(most_tokens, static_cast<double>(a->q_len));
      EXPECT_TRUE(a->head_dim == 64 || a->head_dim == 128);
    }
    if (std::holds_alternative<Streaming>(one.kernel))
      most_bytes = std::max(most_bytes, bytes_moved(one.kernel).value());
  }
  EXPECT_GT(most_rows, 8192);
  EXPECT_GT(most_tokens, 4096);
  EXPECT_GT(most_bytes, 2e8);
}

TEST(GpuPool, IsFourTimesTheCache) {
  EXPECT_EQ(event_options({.l2 = Bytes{50e6}}, 1).pool, Bytes{200e6});
  EXPECT_GT(event_options({}, 1).pool, Bytes{1e8});
}

}  // namespace
}  // namespace forerun

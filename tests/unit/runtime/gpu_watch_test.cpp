// Do the watchers of a GPU answer with a reason where there is none, and are kernels' names fit for a cell of a CSV?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cuda_backend.hpp"
#include "runtime/cuda_device.hpp"
#include "runtime/machine/kernel_activity.hpp"
#include "runtime/machine/nvml.hpp"

namespace forerun {
namespace {

TEST(GpuMonitor, WithoutItsLibraryOrItsGpuReadsNothingAndSaysWhy) {
  const GpuMonitor monitor("00000000:ff:1f.7");  // a bus that no machine has
  EXPECT_THAT(monitor.problem(), testing::AnyOf(testing::HasSubstr("libnvidia-ml.so.1 is not there"),
                                                testing::HasSubstr("NVML"), testing::HasSubstr("nvmlInit_v2")));
  const GpuReading reading = monitor.read();
  EXPECT_FALSE(reading.sm_clock || reading.power || reading.celsius || reading.throttle);
  EXPECT_FALSE(monitor.most_sm_clock() || monitor.power_limit() || monitor.driver());
}

TEST(GpuMonitor, ReadsTheClockOfAGpu) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no GPU";
  const GpuMonitor monitor(cuda_device(0).pci_bus);
  if (!monitor.problem().empty()) GTEST_SKIP() << monitor.problem();
  EXPECT_GT(monitor.most_sm_clock().value_or(Hertz{0}), Hertz{1e8});
  EXPECT_TRUE(monitor.driver().has_value());
}

TEST(KernelActivity, WithoutALibraryOrAGpuSaysWhatIsMissing) {
  if (cuda_devices() > 0) GTEST_SKIP() << "there is a GPU";
  try {
    const KernelActivity activity;
    // The library is there: without a driver it can be asked, and refuses.
    EXPECT_THROW(static_cast<void>(activity.during([] {})), std::runtime_error);
  } catch (const std::runtime_error& error) {
    EXPECT_STRNE(error.what(), "");
  }
  EXPECT_THAT(counters_remark(),
              testing::AnyOf(testing::HasSubstr("may not be read here: "), testing::HasSubstr("built without")));
}

TEST(KernelActivity, SeesTheKernelsOfAGpu) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no GPU";
  const auto backend = make_cuda_backend(0);
  std::unique_ptr<KernelActivity> activity;
  try {
    activity = std::make_unique<KernelActivity>();
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();
  }
  constexpr std::int64_t n = 1 << 20;
  auto* numbers = static_cast<float*>(backend->take(n * 4));
  const std::vector<KernelRecord> records = activity->during([&] {
    for (int i = 0; i < 3; ++i) backend->operators<float>().fill_sums(1.0F, {numbers, n});
    backend->finish();
  });
  backend->give_back(numbers, n * 4);
  ASSERT_EQ(records.size(), 3U);
  for (const KernelRecord& record : records) EXPECT_GT(record.duration, Seconds{0});
}

TEST(CudaDevice, ThatIsNotThereIsRefused) {
  EXPECT_THROW(static_cast<void>(cuda_device(cuda_devices())), std::runtime_error);
}

TEST(CudaDevice, SaysWhatItIs) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no GPU";
  const CudaDevice gpu = cuda_device(0);
  EXPECT_EQ(gpu.name, cuda_device_name(0));
  EXPECT_GT(gpu.sms, 0);
  EXPECT_GT(gpu.memory, Bytes{1e9});
  EXPECT_GT(gpu.clock, Hertz{1e8});
  for (const HostDirection direction : {HostDirection::to_device, HostDirection::to_host})
    EXPECT_GT(time_host_copy(0, direction, Bytes{1 << 20}, 3), Seconds{0});
}

TEST(KernelName, LosesItsPlacesAndParameters) {
  EXPECT_EQ(
      short_kernel_name(
          "void forerun::cuda::for_each_team<forerun::cuda::RmsNorm<float, 4> >(forerun::cuda::RmsNorm<float, 4>)"),
      "for_each_team<RmsNorm<float|4>>");
  EXPECT_EQ(short_kernel_name("_ZN7forerun4cuda6kernelEi"), "kernel");
  EXPECT_EQ(short_kernel_name("void (anonymous namespace)::softmax<float>((anonymous namespace)::Shape, int)"),
            "softmax<float>");
  EXPECT_EQ(short_kernel_name("nvjet_tst_128x256_64x4_2x1_v_bz_coopA_NNN"),
            "nvjet_tst_128x256_64x4_2x1_v_bz_coopA_NNN");
  EXPECT_EQ(short_kernel_name(std::string(200, 'x')).size(), 80U);
}

}  // namespace
}  // namespace forerun

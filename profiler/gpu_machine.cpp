#include "profiler/gpu_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/files/name_or_path.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

// FLOPs a clock and multiprocessor, dense: NVIDIA's whitepapers of V100, A100, GA102, AD102, H100 and the datasheets of
// B200 and RTX PRO 6000 over their clocks.
struct Rate {
  int major, minor;
  double tensor, single;
};
constexpr std::array<Rate, 7> rates{{{7, 0, 1024, 128},
                                     {8, 0, 2048, 128},
                                     {8, 6, 1024, 256},
                                     {8, 9, 1024, 256},
                                     {9, 0, 4096, 256},
                                     {10, 0, 8192, 256},
                                     {12, 0, 1024, 256}}};

bool near(double a, double b) { return std::abs(a / b - 1) < 0.1; }

}  // namespace

HostLink fit_host_link(const std::vector<std::pair<Bytes, Seconds>>& copies) {
  // With y = 1 and x1 = 1 / t, x2 = bytes / t: the two normal equations of latency and seconds a byte.
  double s11 = 0, s12 = 0, s22 = 0, s1 = 0, s2 = 0;
  for (const auto& [bytes, time] : copies) {
    const double x1 = 1 / time.value(), x2 = bytes.value() / time.value();
    s11 += x1 * x1, s12 += x1 * x2, s22 += x2 * x2, s1 += x1, s2 += x2;
  }
  const double determinant = s11 * s22 - s12 * s12;
  const double latency = (s1 * s22 - s2 * s12) / determinant, of_byte = (s11 * s2 - s12 * s1) / determinant;
  return {.latency = Seconds{std::max(0.0, latency)}, .bandwidth = BytesPerSecond{1 / of_byte}};
}

std::string family_of(int major, int minor) {
  if (major == 7) return minor < 5 ? "volta" : "";  // Turing has no parameters
  if (major == 8) return minor < 9 ? "ampere" : "ada";
  if (major == 9) return "hopper";
  return major >= 10 && major <= 12 ? "blackwell" : "";
}

std::optional<Device> catalogue_device(const CudaDevice& gpu) {
  std::string name = gpu.name;
  if (name.starts_with("NVIDIA ")) name.erase(0, 7);
  if (is_path(name)) return std::nullopt;
  const Result<Device> found = find_device(name);
  if (!found || found->vendor != "nvidia" || found->sms != gpu.sms ||
      !near(gpu.memory.value(), found->memory.capacity.value()))
    return std::nullopt;
  return *found;
}

std::string device_name(const CudaDevice& gpu) { return slug(gpu.name); }

std::string gpu_identity(const CudaDevice& gpu) {
  return fmt::format("{}-{}-sms-{:.0f}-gib", device_name(gpu), gpu.sms, gpu.memory.value() / 0x1p30);
}

Peak peak_of(const CudaDevice& gpu, const MeasuredGpu& measured, DType dtype) {
  constexpr double best_share = 0.9;
  const auto rate =
      std::ranges::find_if(rates, [&](const Rate& r) { return r.major == gpu.major && r.minor == gpu.minor; });
  const bool tensor = dtype == DType::bf16 || dtype == DType::fp16;
  const double of_clock = rate == rates.end() || !(tensor || dtype == DType::fp32) ? 0
                          : tensor                                                 ? rate->tensor
                                                                                   : rate->single;
  const FlopsPerSecond derived{of_clock * gpu.sms * gpu.clock.value()};
  const auto found = measured.product.find(dtype);
  return found == measured.product.end() || derived > found->second / best_share
             ? Peak{derived}
             : Peak{found->second / best_share, true};
}

Device device_of(const CudaDevice& gpu, const MeasuredGpu& measured, std::optional<Watts> power) {
  constexpr Watts assumed{300};
  constexpr double best_share = 0.92;  // of the datasheet's bandwidth that a stream reaches: A100 to H200, 0.90 to 0.94
  std::map<DType, FlopsPerSecond> peaks;
  for (const auto& [dtype, rate] : measured.product) peaks[dtype] = four_digits(peak_of(gpu, measured, dtype).rate);
  return {.name = device_name(gpu),
          .aliases = {},
          .vendor = "nvidia",
          .family = family_of(gpu.major, gpu.minor),
          .peak = peaks,
          .memory = {.capacity = gpu.memory,
                     .bandwidth = four_digits(max(gpu.bandwidth, max(measured.copy, measured.stream) / best_share))},
          .l2 = gpu.l2,
          .sms = gpu.sms,
          .clock = gpu.clock,
          .launch_overhead = four_digits(measured.launch),
          .concurrent_streams = 128,
          .power = power.value_or(assumed),
          .price = std::nullopt,
          .default_cluster = ""};
}

Cluster cluster_of(const Device& device, const MeasuredGpu& measured) {
  const BytesPerSecond slower = measured.to_device.bandwidth < measured.to_host.bandwidth ? measured.to_device.bandwidth
                                                                                          : measured.to_host.bandwidth;
  const Link link{.bandwidth = four_digits(slower),
                  .latency = four_digits(max(measured.to_device.latency, measured.to_host.latency))};
  const Node node{.device = device,
                  .devices = 1,
                  .fabric = {.kind = FabricKind::pcie, .link = link},
                  .host = link,
                  .nics = 0,
                  .nic = {}};
  return {.name = device.name + "-alone",
          .aliases = {},
          .nodes = {{.count = 1, .node = node}},
          .network = {},
          .max_gpus = 0};
}

}  // namespace forerun

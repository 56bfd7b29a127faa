// Clocks, power and throttling of a GPU while it works, from the driver's management library (NVML), which is looked
// for when first needed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/quantity.hpp"

namespace forerun {

// What the driver answered; a GPU or a container may withhold any of it.
struct GpuReading {
  std::optional<Hertz> sm_clock;
  std::optional<Watts> power;
  std::optional<double> celsius;
  // Bits of nvmlClocksThrottleReason...: 0x4 software power cap, 0x8 hardware slowdown, 0x20 software thermal limit,
  // 0x80 power brake.
  std::optional<std::uint64_t> throttle;
};

class GpuMonitor {
 public:
  // `pci_bus`: as CudaDevice has it. Never throws: where there is no library, or no such GPU, nothing is read and
  // problem() says why.
  explicit GpuMonitor(const std::string& pci_bus);
  ~GpuMonitor();
  GpuMonitor(GpuMonitor&&) noexcept;
  GpuMonitor& operator=(GpuMonitor&&) noexcept;

  [[nodiscard]] GpuReading read() const;
  [[nodiscard]] std::optional<Hertz> most_sm_clock() const;
  [[nodiscard]] std::optional<Watts> power_limit() const;
  [[nodiscard]] std::optional<std::string> driver() const;  // "580.65.06"
  [[nodiscard]] const std::string& problem() const { return problem_; }  // "": it reads

 private:
  struct Library;
  std::unique_ptr<Library> library_;
  std::string problem_;
};

}  // namespace forerun

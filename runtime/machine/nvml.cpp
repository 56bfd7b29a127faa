#include "runtime/machine/nvml.hpp"

#include <array>
#include <exception>

#include "runtime/machine/shared_library.hpp"

namespace forerun {
namespace {

// From NVML's reference: its header is no part of the CUDA toolkit's packages everywhere. All return 0 where they
// succeed.
using Handle = struct nvmlDevice_st*;
constexpr unsigned sm = 1, core_temperature = 0;
using Init = int (*)();
using ByBus = int (*)(const char*, Handle*);
using OfClock = int (*)(Handle, unsigned clock, unsigned* megahertz);
using OfPower = int (*)(Handle, unsigned* milliwatts);
using OfTemperature = int (*)(Handle, unsigned sensor, unsigned* celsius);
using OfThrottle = int (*)(Handle, unsigned long long* reasons);
using OfDriver = int (*)(char*, unsigned length);

// CUDA 12.2 gave it another name.
OfThrottle of_throttle(const SharedLibrary& file) {
  try {
    return file.function<OfThrottle>("nvmlDeviceGetCurrentClocksThrottleReasons");
  } catch (const NoLibrary&) {
    return file.function<OfThrottle>("nvmlDeviceGetCurrentClocksEventReasons");
  }
}

}  // namespace

struct GpuMonitor::Library {
  SharedLibrary file{{"libnvidia-ml.so.1"}};
  Init init = file.function<Init>("nvmlInit_v2"), shutdown = file.function<Init>("nvmlShutdown");
  ByBus by_bus = file.function<ByBus>("nvmlDeviceGetHandleByPciBusId_v2");
  OfClock clock = file.function<OfClock>("nvmlDeviceGetClockInfo"),
          most_clock = file.function<OfClock>("nvmlDeviceGetMaxClockInfo");
  OfPower power = file.function<OfPower>("nvmlDeviceGetPowerUsage"),
          limit = file.function<OfPower>("nvmlDeviceGetEnforcedPowerLimit");
  OfTemperature temperature = file.function<OfTemperature>("nvmlDeviceGetTemperature");
  OfThrottle throttle = of_throttle(file);
  OfDriver driver = file.function<OfDriver>("nvmlSystemGetDriverVersion");
  Handle device = nullptr;

  explicit Library(const std::string& pci_bus) {
    if (const int error = init(); error != 0) throw NoLibrary("nvmlInit_v2 answered " + std::to_string(error));
    if (const int error = by_bus(pci_bus.c_str(), &device); error != 0) {
      shutdown();
      throw NoLibrary("NVML knows no GPU at " + pci_bus + " (it answered " + std::to_string(error) + ")");
    }
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { shutdown(); }

  [[nodiscard]] std::optional<Hertz> megahertz(OfClock of) const {
    unsigned value = 0;
    return of(device, sm, &value) == 0 ? std::optional(Hertz{1e6 * value}) : std::nullopt;
  }
  [[nodiscard]] std::optional<Watts> milliwatts(OfPower of) const {
    unsigned value = 0;
    return of(device, &value) == 0 ? std::optional(Watts{1e-3 * value}) : std::nullopt;
  }
};

GpuMonitor::GpuMonitor(const std::string& pci_bus) {
  try {
    library_ = std::make_unique<Library>(pci_bus);
  } catch (const NoLibrary& missing) {
    problem_ = missing.what();
  }
}
GpuMonitor::~GpuMonitor() = default;
GpuMonitor::GpuMonitor(GpuMonitor&&) noexcept = default;
GpuMonitor& GpuMonitor::operator=(GpuMonitor&&) noexcept = default;

GpuReading GpuMonitor::read() const {
  if (library_ == nullptr) return {};
  GpuReading now{.sm_clock = library_->megahertz(library_->clock), .power = library_->milliwatts(library_->power)};
  unsigned celsius = 0;
  if (library_->temperature(library_->device, core_temperature, &celsius) == 0) now.celsius = celsius;
  unsigned long long reasons = 0;
  if (library_->throttle(library_->device, &reasons) == 0) now.throttle = reasons;
  return now;
}

std::optional<Hertz> GpuMonitor::most_sm_clock() const {
  return library_ == nullptr ? std::nullopt : library_->megahertz(library_->most_clock);
}
std::optional<Watts> GpuMonitor::power_limit() const {
  return library_ == nullptr ? std::nullopt : library_->milliwatts(library_->limit);
}

std::optional<std::string> GpuMonitor::driver() const {
  std::array<char, 96> text{};
  if (library_ == nullptr || library_->driver(text.data(), static_cast<unsigned>(text.size())) != 0)
    return std::nullopt;
  return text.data();
}

}  // namespace forerun

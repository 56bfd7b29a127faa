// (kernel, device) -> seconds. The three rungs of evidence are implementations of one interface.
#pragma once

#include <memory>
#include <string>

#include "costmodel/kernels/kernel_calibration.hpp"
#include "costmodel/parameters.hpp"
#include "costmodel/stacks/stack.hpp"
#include "hardware/device.hpp"
#include "workloads/operators/kernels.hpp"

namespace forerun {

class KernelModel {
 public:
  KernelModel() = default;
  virtual ~KernelModel() = default;
  KernelModel(const KernelModel&) = delete;
  KernelModel& operator=(const KernelModel&) = delete;
  [[nodiscard]] virtual Timing time(const Kernel&) const = 0;
};

// Family defaults scaled by the datasheet. Wrong where a kernel is far from large and regular: few tiles, tiny
// reductions.
std::unique_ptr<KernelModel> make_datasheet_kernels(const Device&, const FamilyParameters&, AttentionKernel);

// Whose kernels run, and how hard the device is driven.
struct KernelChoice {
  AttentionKernel attention = AttentionKernel::flash2;
  // as calibrations name them ("vllm-0.24.0"); empty: what training frameworks call, by `attention`
  std::string library;
  // Kernels run at the clock that the power limit leaves in steps of seconds (training), or at that of short
  // benchmarks.
  bool sustained = true;
  DType streaming = DType::bf16;  // of the tensors that streaming kernels read and write, which those do not say
  // Kept alive by the caller until the model is made.
  const KernelCalibration* own = nullptr;  // of this device, over the shipped one: its kinds whoever's kernels they are
  const KernelCalibration* calibration = nullptr;  // instead of the shipped one, of whatever device
};

// The best evidence that there is: `fitted` forms where the device is calibrated for a kind and format, else those that
// its family borrows
// (`datasheet`, with wider bands), else the family's defaults.
std::unique_ptr<KernelModel> make_kernels(const Device&, const FamilyParameters&, const KernelChoice& = {});

// Rate that large 16-bit products sustain: the issue limit, or the clock that the power limit leaves.
double sustained_share(const Device&, const GemmParameters&);
// The 16-bit rate that the power limit allows, where it is below the peak.
std::optional<FlopsPerSecond> power_limited_rate(const Device&, const GemmParameters&);

}  // namespace forerun

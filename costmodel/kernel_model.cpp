#include "costmodel/kernel_model.hpp"

#include <algorithm>
#include <cmath>

namespace forerun {
namespace {

Seconds smooth_maximum(Seconds a, Seconds b, double p) {
  const double large = std::max(a.value(), b.value());
  if (large == 0) return Seconds{0};
  const double ratio = std::min(a.value(), b.value()) / large;
  return Seconds{large * std::pow(1 + std::pow(ratio, p), 1 / p)};
}

class DatasheetKernels final : public KernelModel {
 public:
  DatasheetKernels(const Device& device, const FamilyParameters& parameters, AttentionKernel attention)
      : device_(device),
        parameters_(parameters),
        attention_(attention),
        share_(sustained_share(device, parameters.gemm)) {}

  Timing time(const Kernel& kernel) const override {
    return std::visit([this](const auto& k) { return price(k); }, kernel);
  }

 private:
  Timing price(const Gemm& gemm) const {
    const Seconds compute = flops(gemm) / (share_ * peak(device_, gemm.dtype));
    const Seconds memory = bytes_moved(gemm) / (parameters_.gemm.memory * device_.memory.bandwidth);
    return timing(smooth_maximum(compute, memory, parameters_.gemm.exponent), parameters_.gemm.spread);
  }

  Timing price(const FusedAttention& kernel) const {
    const AttentionParameters& p = attention_ == AttentionKernel::flash3 ? parameters_.flash3 : parameters_.flash2;
    // Kernels fill the matrix units less the narrower the head: 0.71 of the rate at 64 (docs/cost-models.md), little
    // beyond 128.
    const double narrow = std::min(1.0, std::pow(kernel.head_dim / 128.0, 0.5));
    // A block of 128 queries works on whole tiles of the diagonal, so short sequences waste half a tile a row.
    const double tiles = 1 + 64.0 / static_cast<double>(std::max<std::int64_t>(kernel.kv_len, 1));
    const double share = (kernel.backward ? p.backward : p.forward) * narrow / tiles;
    const Seconds compute = flops(kernel) / (share * peak(device_, kernel.dtype));
    const Seconds memory = bytes_moved(kernel) / (parameters_.gemm.memory * device_.memory.bandwidth);
    return timing(smooth_maximum(compute, memory, parameters_.gemm.exponent), parameters_.attention_spread);
  }

  Timing price(const Streaming& kernel) const {
    const double share = parameters_.streaming[static_cast<std::size_t>(kernel.kind)];
    return timing(kernel.bytes / (share * device_.memory.bandwidth), parameters_.streaming_spread);
  }

  Timing timing(Seconds work, double spread) const {
    return {device_.launch_overhead + work, spread, parameters_.evidence};
  }

  Device device_;
  FamilyParameters parameters_;
  AttentionKernel attention_;
  double share_;
};

}  // namespace

std::optional<FlopsPerSecond> power_limited_rate(const Device& device, const GemmParameters& parameters) {
  if (!parameters.teraflops_per_watt || !device.peak.contains(DType::bf16)) return std::nullopt;
  const FlopsPerSecond limit{device.power.value() * *parameters.teraflops_per_watt * 1e12};
  return limit < peak(device, DType::bf16) ? std::optional(limit) : std::nullopt;
}

double sustained_share(const Device& device, const GemmParameters& parameters) {
  const std::optional<FlopsPerSecond> limit = power_limited_rate(device, parameters);
  return parameters.compute * (limit ? *limit / peak(device, DType::bf16) : 1.0);
}

std::unique_ptr<KernelModel> make_datasheet_kernels(const Device& device, const FamilyParameters& parameters,
                                                    AttentionKernel attention) {
  return std::make_unique<DatasheetKernels>(device, parameters, attention);
}

}  // namespace forerun

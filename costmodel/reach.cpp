#include "costmodel/reach.hpp"

namespace forerun {
namespace {

class StackKernels final : public KernelModel {
 public:
  StackKernels(std::shared_ptr<const KernelModel> kernels, const Reach& reach, const Device& device)
      : kernels_(std::move(kernels)), reach_(reach), device_(device) {}

  Timing time(const Kernel& kernel) const override {
    Timing t = kernels_->time(kernel);
    const double reached = share(kernel);
    t.median /= reached;
    if (reached > 1) t.median = max(t.median, least(kernel));
    return t;
  }

 private:
  [[nodiscard]] double share(const Kernel& kernel) const {
    return std::holds_alternative<Gemm>(kernel)             ? reach_.gemm
           : std::holds_alternative<FusedAttention>(kernel) ? reach_.attention
                                                            : reach_.streaming;
  }
  [[nodiscard]] Seconds least(const Kernel& kernel) const {
    const Seconds memory = bytes_moved(kernel) / device_.memory.bandwidth;
    const auto with_products = [&](DType dtype) { return max(memory, flops(kernel) / peak(device_, dtype)); };
    if (const auto* gemm = std::get_if<Gemm>(&kernel)) return with_products(gemm->dtype);
    if (const auto* attention = std::get_if<FusedAttention>(&kernel)) return with_products(attention->dtype);
    return memory;
  }

  std::shared_ptr<const KernelModel> kernels_;
  Reach reach_;
  Device device_;
};

class StackCollectives final : public CollectiveModel {
 public:
  StackCollectives(std::shared_ptr<const CollectiveModel> network, double reach)
      : network_(std::move(network)), reach_(reach) {}

  Timing time(const Collective& collective, const Placement& where) const override {
    Timing t = network_->time(collective, where);
    t.median /= reach_;
    return t;
  }

 private:
  std::shared_ptr<const CollectiveModel> network_;
  double reach_;
};

}  // namespace

std::shared_ptr<const KernelModel> with_reach(std::shared_ptr<const KernelModel> kernels, const Stack& stack,
                                              const Device& device) {
  constexpr double eager = 0.5;
  Reach reach = stack.reach;
  if (!stack.compiled) reach.streaming *= eager;
  if (reach.gemm == 1 && reach.attention == 1 && reach.streaming == 1) return kernels;
  return std::make_shared<StackKernels>(std::move(kernels), reach, device);
}

std::shared_ptr<const CollectiveModel> with_reach(std::shared_ptr<const CollectiveModel> collectives,
                                                  const Stack& stack) {
  const Reach& reach = stack.reach;
  if (reach.communication == 1) return collectives;
  return std::make_shared<StackCollectives>(std::move(collectives), reach.communication);
}

}  // namespace forerun

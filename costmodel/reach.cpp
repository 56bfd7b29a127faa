#include "costmodel/reach.hpp"

namespace forerun {
namespace {

class StackKernels final : public KernelModel {
 public:
  StackKernels(std::shared_ptr<const KernelModel> device, const Reach& reach) : device_(std::move(device)), reach_(reach) {}

  Timing time(const Kernel& kernel) const override {
    Timing t = device_->time(kernel);
    t.median /= std::holds_alternative<Gemm>(kernel) ? reach_.gemm : std::holds_alternative<FusedAttention>(kernel) ? reach_.attention : reach_.streaming;
    return t;
  }

 private:
  std::shared_ptr<const KernelModel> device_;
  Reach reach_;
};

class StackCollectives final : public CollectiveModel {
 public:
  StackCollectives(std::shared_ptr<const CollectiveModel> network, double reach) : network_(std::move(network)), reach_(reach) {}

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

std::shared_ptr<const KernelModel> with_reach(std::shared_ptr<const KernelModel> kernels, const Stack& stack) {
  constexpr double eager = 0.5;
  Reach reach = stack.reach;
  if (!stack.compiled) reach.streaming *= eager;
  if (reach.gemm == 1 && reach.attention == 1 && reach.streaming == 1) return kernels;
  return std::make_shared<StackKernels>(std::move(kernels), reach);
}

std::shared_ptr<const CollectiveModel> with_reach(std::shared_ptr<const CollectiveModel> collectives, const Stack& stack) {
  const Reach& reach = stack.reach;
  if (reach.communication == 1) return collectives;
  return std::make_shared<StackCollectives>(std::move(collectives), reach.communication);
}

}  // namespace forerun

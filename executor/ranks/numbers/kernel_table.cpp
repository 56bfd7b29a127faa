#include "executor/ranks/numbers/kernel_table.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "runtime/cpu/instantiate.hpp"
#include "strategies/programs/describe_work.hpp"

namespace forerun {
namespace {

constexpr WeightKind no_weight{};

// A row of kernels that are one struct's: F forward, B input gradient, W weight gradient.
template <class T, template <class> class Kernels>
constexpr OperatorKernels<T> fbw(OperatorKind kind, WeightKind weight) {
  return {kind, weight, Kernels<T>::forward, Kernels<T>::input_gradient, Kernels<T>::weight_gradient};
}
template <class T, template <class> class Kernels>
constexpr OperatorKernels<T> fb(OperatorKind kind, WeightKind weight = no_weight) {
  return {kind, weight, Kernels<T>::forward, Kernels<T>::input_gradient, nullptr};
}
template <class T, template <class> class Kernels>
constexpr OperatorKernels<T> fw(OperatorKind kind, WeightKind weight) {
  return {kind, weight, Kernels<T>::forward, nullptr, Kernels<T>::weight_gradient};
}

template <class T>
constexpr std::array rows{
    fw<T, EmbeddingKernels>(OperatorKind::embedding, WeightKind::table),
    fb<T, NormKernels>(OperatorKind::attention_norm, WeightKind::attention_norm),
    fbw<T, ProductKernels>(OperatorKind::qkv, WeightKind::qkv),
    fb<T, RotaryKernels>(OperatorKind::positions),
    fb<T, AttentionKernels>(OperatorKind::attention_core),
    fbw<T, ProductKernels>(OperatorKind::attention_output, WeightKind::attention_output),
    fb<T, ResidualKernels>(OperatorKind::attention_residual),
    fb<T, NormKernels>(OperatorKind::feed_forward_norm, WeightKind::feed_forward_norm),
    fbw<T, RouterKernels>(OperatorKind::router, WeightKind::router),
    fb<T, DispatchKernels>(OperatorKind::dispatch),
    fbw<T, FeedForwardKernels>(OperatorKind::up, WeightKind::up),
    fb<T, ActivationKernels>(OperatorKind::activation),
    fb<T, ActivationKernels>(OperatorKind::expert_activation),
    fbw<T, FeedForwardKernels>(OperatorKind::down, WeightKind::down),
    fb<T, CombineKernels>(OperatorKind::combine),
    fb<T, ResidualKernels>(OperatorKind::feed_forward_residual),
    fb<T, NormKernels>(OperatorKind::final_norm, WeightKind::final_norm),
    fbw<T, HeadKernels>(OperatorKind::head, WeightKind::head),
    fb<T, LossKernels>(OperatorKind::loss),
};

template <class T>
KernelFunction<T> kernel_of(const OperatorKernels<T>& row, Part part) {
  switch (part) {
    case Part::forward:
    case Part::recompute:
      return row.forward;
    case Part::input_gradient:
      return row.input_gradient;
    case Part::weight_gradient:
      return row.weight_gradient;
    case Part::update:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

template <class T>
void run_kernel(KernelContext<T>& context, OperatorKind kind, Part part) {
  const auto row = std::ranges::find(rows<T>, kind, &OperatorKernels<T>::kind);
  const KernelFunction<T> kernel = row == rows<T>.end() ? nullptr : kernel_of(*row, part);
  if (kernel == nullptr)
    throw std::logic_error("the executor has no " + std::string(to_string(kind)) + ", " + std::string(to_string(part)));
  kernel(context, row->weight);
}

#define FORERUN_RUN_KERNEL(T) template void run_kernel<T>(KernelContext<T>&, OperatorKind, Part);
FORERUN_FOR_EACH_NUMBER(FORERUN_RUN_KERNEL)

}  // namespace forerun

#include "costmodel/stacks/stack.hpp"

#include <algorithm>
#include <array>

namespace forerun {

std::string_view to_string(AttentionKernel kernel) {
  static constexpr std::array<std::string_view, 3> names{"unfused", "flash2", "flash3"};
  return names[static_cast<std::size_t>(kernel)];
}

std::string_view to_string(ReportedMemory reported) {
  static constexpr std::array<std::string_view, 3> names{"allocated", "reserved", "device"};
  return names[static_cast<std::size_t>(reported)];
}

DType activation_dtype(const Job& job) { return job.dtype == DType::fp8 ? DType::bf16 : job.dtype; }

Tuning completed(Tuning tuning, const Stack& stack) {
  if (!is_low_rank(tuning)) return tuning;
  if (tuning.rank == 0) tuning.rank = stack.lora_rank;
  if (tuning.target.empty()) tuning.target = stack.lora_target;
  return tuning;
}

Stack on_devices(Stack stack, const Device& device, int gpus, const Job& job) {
  if (device.family == "volta") stack.attention = AttentionKernel::unfused;
  if ((device.family == "ampere" || device.family == "ada") && stack.attention == AttentionKernel::flash3)
    stack.attention = AttentionKernel::flash2;
  const auto& seen = stack.fitted_families;
  if (!seen.empty() && std::find(seen.begin(), seen.end(), device.family) ==
                           seen.end()) {  // what the fit says of speed may be of those devices
    stack.reach = stack.stated_reach;
    stack.spread.reset();
  }
  if (gpus != 1 || !stack.single_device || has_frozen_base(job.tuning)) return stack;
  if (stack.single_device->moments) stack.precision.moments = stack.single_device->moments;
  stack.moments_paged = stack.single_device->moments_paged;
  stack.update_in_backward = stack.single_device->update_in_backward;
  return stack;
}

namespace {

// What works in fp64 keeps all in fp64; logits are at least as wide as other activations.
Bytes state_size(DType stated, DType own) { return size_of(own == DType::fp64 ? own : stated); }
Bytes logit_size(Bytes stated, DType own) {
  return stated > Bytes{0} && size_of(own) > Bytes{2} ? std::max(stated, size_of(own)) : stated;
}

}  // namespace

Implementation implementation(const Stack& stack, const Job& job) {
  Implementation how;
  // Fused kernels take 16-bit operands only.
  const bool wide = size_of(activation_dtype(job)) > Bytes{2};
  how.attention = (wide && !stack.wide_attention) || stack.attention == AttentionKernel::unfused
                      ? AttentionImplementation::unfused
                      : AttentionImplementation::flash;
  how.dtype = activation_dtype(job);
  how.linear = job.dtype;
  how.saved_input = stack.fp8_saves ? job.dtype : how.dtype;
  how.gradient = state_bytes(stack.precision, job).gradient;
  how.gradients_apart = stack.gradients_apart;
  how.logit_saved = logit_size(stack.logit_saved, how.dtype);
  how.logit_workspace = logit_size(stack.logit_workspace, how.dtype);
  how.loss_statistics = stack.small_exchanges;
  how.fused = stack.compiled;
  how.tuning = job.tuning;
  return how;
}

StateBytes state_bytes(const Precision& precision, const Job& job) {
  const DType own = activation_dtype(job);
  const Bytes parameter = state_size(precision.parameters.value_or(own), own);
  // A master copy is kept where it is wider than the parameters themselves.
  const Bytes master =
      precision.master && size_of(*precision.master) > parameter ? size_of(*precision.master) : Bytes{0};
  const double kept = moments(job.optimizer);
  const bool narrow = precision.fp16_gradients && job.dtype == DType::fp16;
  const auto format = [&](std::optional<DType> stated) { return state_size(stated.value_or(own), own); };
  const auto of_gradients = [&](std::optional<DType> stated) { return narrow ? size_of(DType::fp16) : format(stated); };
  return {.parameter = parameter,
          .working = parameter > size_of(own) ? size_of(own) : Bytes{0},
          .gradient = of_gradients(precision.gradients),
          .gradient_copy = precision.gradient_copy ? size_of(*precision.gradient_copy) : Bytes{0},
          .unit_gradient = format(precision.unit_gradients),
          .reduction = of_gradients(precision.reduction),
          .optimizer = master + kept * format(precision.moments)};
}

}  // namespace forerun

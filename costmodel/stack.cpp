#include "costmodel/stack.hpp"

namespace forerun {

DType activation_dtype(const Job& job) { return job.dtype == DType::fp8 ? DType::bf16 : job.dtype; }

Tuning completed(Tuning tuning, const Stack& stack) {
  if (!is_low_rank(tuning)) return tuning;
  if (tuning.rank == 0) tuning.rank = stack.lora_rank;
  if (tuning.target.empty()) tuning.target = stack.lora_target;
  return tuning;
}

Implementation implementation(const Stack& stack, const Job& job) {
  Implementation how;
  // Fused kernels take 16-bit operands only.
  const bool wide = size_of(activation_dtype(job)) > Bytes{2};
  how.attention = wide || stack.attention == AttentionKernel::unfused ? AttentionImplementation::unfused : AttentionImplementation::flash;
  how.dtype = activation_dtype(job);
  how.linear = job.dtype;
  how.saved_input = stack.fp8_saves ? job.dtype : how.dtype;
  how.gradient = size_of(stack.precision.gradients.value_or(how.dtype));
  how.gradients_apart = stack.gradients_apart;
  how.logit_saved = stack.logit_saved;
  how.logit_workspace = stack.logit_workspace;
  how.tuning = job.tuning;
  return how;
}

StateBytes state_bytes(const Precision& precision, const Job& job) {
  const DType own = activation_dtype(job);
  const Bytes parameter = size_of(precision.parameters.value_or(own));
  // A master copy is kept where it is wider than the parameters themselves.
  const Bytes master = precision.master && size_of(*precision.master) > parameter ? size_of(*precision.master) : Bytes{0};
  const double kept = moments(job.optimizer);
  return {.parameter = parameter,
          .working = parameter > size_of(own) ? size_of(own) : Bytes{0},
          .gradient = size_of(precision.gradients.value_or(own)),
          .reduction = size_of(precision.reduction.value_or(own)),
          .optimizer = master + kept * size_of(precision.moments.value_or(own))};
}

}  // namespace forerun

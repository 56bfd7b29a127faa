// Is no kernel faster than its device, and none slower on a better one?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "costmodel/kernel_model.hpp"
#include "costmodel/reach.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

Kernel some_kernel() {
  const auto size = [] { return *rc::gen::inRange<std::int64_t>(1, 20000); };
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return Gemm{.m = size(),
                  .n = size(),
                  .k = size(),
                  .batch = *rc::gen::inRange(1, 9),
                  .dtype = *rc::gen::element(DType::bf16, DType::fp8)};
    case 1: {
      const int kv_heads = *rc::gen::inRange(1, 9), dim = *rc::gen::element(32, 64, 128, 192, 256);
      return FusedAttention{.sequences = *rc::gen::inRange(1, 5),
                            .heads = kv_heads * *rc::gen::inRange(1, 9),
                            .kv_heads = kv_heads,
                            .head_dim = dim,
                            .value_dim = dim,
                            .q_len = size(),
                            .kv_len = size(),
                            .visible = 0.5,
                            .backward = *rc::gen::arbitrary<bool>()};
    }
    default:
      return Streaming{static_cast<StreamingKind>(*rc::gen::inRange(0, 8)), Bytes{1e3 * static_cast<double>(size())}};
  }
}

DType format(const Kernel& kernel) {
  const Gemm* gemm = std::get_if<Gemm>(&kernel);
  return gemm != nullptr ? gemm->dtype : DType::bf16;
}

Seconds time(const Device& device, const Kernel& kernel) {
  return make_datasheet_kernels(device, *find_family_parameters(device.family), AttentionKernel::flash3)
      ->time(kernel)
      .median;
}

RC_GTEST_PROP(Kernels, AreNeverFasterThanTheRoofline, ()) {  // I-1
  const Device device = *find_device(*rc::gen::elementOf(device_names()));
  const Kernel kernel = some_kernel();
  const Seconds t = time(device, kernel);
  RC_ASSERT(t >= flops(kernel) / peak(device, format(kernel)));
  RC_ASSERT(t >= bytes_moved(kernel) / device.memory.bandwidth);
}

// What a software's fit adds to the calibration does not outrun the device either.
RC_GTEST_PROP(Kernels, AreNeverFasterThanTheRooflineUnderAnyStack, ()) {
  const Device device = *find_device(*rc::gen::elementOf(device_names()));
  Stack stack = *find_stack(*rc::gen::elementOf(stack_names()));
  if (*rc::gen::arbitrary<bool>()) stack.reach = {.gemm = 3, .attention = 3, .streaming = 3};
  const Kernel kernel = some_kernel();
  const Seconds t =
      with_reach(make_kernels(device, *find_family_parameters(device.family), {.attention = stack.attention}), stack,
                 device)
          ->time(kernel)
          .median;
  RC_ASSERT(t >= (1 - 1e-12) * (flops(kernel) / peak(device, format(kernel))));
  RC_ASSERT(t >= (1 - 1e-12) * (bytes_moved(kernel) / device.memory.bandwidth));
}

RC_GTEST_PROP(Kernels, AreNotSlowerOnAFasterDevice, ()) {
  const Device device = *find_device(*rc::gen::elementOf(device_names()));
  const Kernel kernel = some_kernel();
  Device compute = device, memory = device;
  for (auto& [dtype, rate] : compute.peak) rate *= 2;
  memory.memory.bandwidth *= 2;
  RC_ASSERT(time(compute, kernel) <= time(device, kernel) * (1 + 1e-12));  // power may be what limits
  RC_ASSERT(time(memory, kernel) <= time(device, kernel));
}

RC_GTEST_PROP(Gemms, AddUpOverAnySplit, ()) {  // I-3
  const auto size = [] { return *rc::gen::inRange<std::int64_t>(2, 5000); };
  const Gemm whole{.m = size(), .n = size(), .k = size()};
  const int side = *rc::gen::inRange(0, 3);
  const auto extent = [&](Gemm& g) -> std::int64_t& { return side == 0 ? g.m : side == 1 ? g.n : g.k; };
  Gemm left = whole, right = whole;
  extent(left) = *rc::gen::inRange<std::int64_t>(1, extent(left));
  extent(right) -= extent(left);
  RC_ASSERT(flops(left) + flops(right) == flops(whole));
  RC_ASSERT(bytes_moved(left) + bytes_moved(right) >= bytes_moved(whole));
}

}  // namespace
}  // namespace forerun

// The form that prices a kind of kernel: which one, its default parameters, its time on a device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "costmodel/kernels/attention_form.hpp"
#include "costmodel/kernels/gemm_form.hpp"
#include "costmodel/kernels/streaming_form.hpp"

namespace forerun {

// What is fitted apart: products, attention of many queries and of one, and each kind of streaming kernel (in the order
// of StreamingKind).
enum class KernelKind : std::uint8_t {
  gemm,
  attn_prefill,
  attn_decode,
  norm,
  elementwise,
  softmax,
  embedding,
  cross_entropy,
  permute,
  cast,
  optimizer,
  activation,
  rotary
};
inline constexpr int kernel_kinds = 13;
std::string_view to_string(KernelKind);
const std::vector<std::string>& kernel_kind_names();  // in the order of the enumeration

KernelKind kind_of(const Kernel&);
DType dtype_of(const Kernel&);  // bf16 for streaming kernels, which do not say

using KernelForm = std::variant<GemmForm, PrefillForm, DecodeForm, StreamingForm>;
KernelForm start_form(KernelKind);  // the start values of its fields

// `form` is the one of the kernel's kind.
Seconds time(const KernelForm&, const Device&, const Kernel&);

}  // namespace forerun

#include "costmodel/kernels/kernel_form.hpp"

#include <type_traits>

namespace forerun {
namespace {

template <class Form>
KernelForm start() {
  Form form;
  for (const FormField<Form>& field : fields_of<Form>()) form.*field.member = field.start;
  return form;
}

}  // namespace

const std::vector<std::string>& kernel_kind_names() {
  static const std::vector<std::string> names{"gemm",      "attn_prefill", "attn_decode",   "norm",    "elementwise",
                                              "softmax",   "embedding",    "cross_entropy", "permute", "cast",
                                              "optimizer", "activation",   "rotary"};
  return names;
}

std::string_view to_string(KernelKind kind) { return kernel_kind_names()[static_cast<std::size_t>(kind)]; }

KernelKind kind_of(const Kernel& kernel) {
  if (std::holds_alternative<Gemm>(kernel)) return KernelKind::gemm;
  if (const auto* attention = std::get_if<FusedAttention>(&kernel))
    return is_decode(*attention) ? KernelKind::attn_decode : KernelKind::attn_prefill;
  const auto first = static_cast<std::uint8_t>(KernelKind::norm);
  return static_cast<KernelKind>(first + static_cast<std::uint8_t>(std::get<Streaming>(kernel).kind));
}

DType dtype_of(const Kernel& kernel) {
  if (const auto* gemm = std::get_if<Gemm>(&kernel)) return gemm->dtype;
  if (const auto* attention = std::get_if<FusedAttention>(&kernel)) return attention->dtype;
  return DType::bf16;
}

KernelForm start_form(KernelKind kind) {
  switch (kind) {
    case KernelKind::gemm:
      return start<GemmForm>();
    case KernelKind::attn_prefill:
      return start<PrefillForm>();
    case KernelKind::attn_decode:
      return start<DecodeForm>();
    default:
      return start<StreamingForm>();
  }
}

Seconds time(const KernelForm& any_form, const Device& device, const Kernel& kernel) {
  return std::visit(
      [&](const auto& form) {
        using Form = std::remove_cvref_t<decltype(form)>;
        if constexpr (std::is_same_v<Form, GemmForm>) {
          const auto& gemm = std::get<Gemm>(kernel);
          return GemmTimer(form, device, gemm.dtype).time(gemm);
        } else if constexpr (std::is_same_v<Form, StreamingForm>) {
          return time(form, device, std::get<Streaming>(kernel));
        } else {
          return time(form, device, std::get<FusedAttention>(kernel));
        }
      },
      any_form);
}

}  // namespace forerun

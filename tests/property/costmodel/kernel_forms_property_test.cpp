// Do the forms of kernels keep to physics: never faster than the device, and never faster for more work?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "costmodel/kernels/kernel_form.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

template <class T>
T any(T from, T below) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, below));
}

// Any parameters within their bounds.
template <class Form>
Form some() {
  Form form;
  for (const FormField<Form>& field : fields_of<Form>()) {
    const double share = any(0, 1001) / 1000.0;
    form.*field.member = field.choices.empty()
                             ? field.low + share * (field.high - field.low)
                             : *rc::gen::elementOf(std::vector(field.choices.begin(), field.choices.end()));
  }
  return form;
}

Device some_device() {
  static const Device a100 = *find_device("a100"), h100 = *find_device("h100");
  return any(0, 2) == 0 ? a100 : h100;
}

Gemm some_gemm() {
  const auto size = [] { return any<std::int64_t>(1, 1 << any(1, 16)); };
  return {.m = size(), .n = size(), .k = size(), .batch = any(1, 9), .dtype = DType::bf16};
}

FusedAttention some_attention(bool decode) {
  const int kv_heads = any(1, 17);
  FusedAttention a{.sequences = any(1, 65),
                   .heads = kv_heads * any(1, 17),
                   .kv_heads = kv_heads,
                   .q_len = decode ? 1 : any(1, 8193)};
  a.head_dim = a.value_dim = 32 * any(1, 9);
  a.kv_len = a.q_len + any(decode ? 1 : 0, 8193);
  a.visible = visible_share(a.q_len, a.kv_len);
  a.backward = !decode && any(0, 2) == 0;
  return a;
}

constexpr int per_case = 30;  // x 100 cases of RapidCheck

void never_beats(const Device& device, const Kernel& kernel, Seconds t) {
  RC_ASSERT(t * (1 + 1e-9) >= bytes_moved(kernel) / device.memory.bandwidth);
  RC_ASSERT(t * (1 + 1e-9) >= flops(kernel) / peak(device, DType::bf16));
}

RC_GTEST_PROP(GemmForms, AreNeverFasterThanTheRoofline, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Device device = some_device();
    const Gemm gemm = some_gemm();
    never_beats(device, gemm, time(KernelForm{some<GemmForm>()}, device, gemm));
  }
}

// Padding to tiles is where more costs nothing. The choice of tile goes by a smooth maximum of its own, which may lose
// a little to the one that the form takes: at most 2^(1/2) / 2^(1/20), and 2 where the form takes the sum.
RC_GTEST_PROP(GemmForms, AreNotFasterForMore, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Device device = some_device();
    const GemmTimer timer(some<GemmForm>(), device, DType::bf16);
    const Gemm gemm = some_gemm();
    for (std::int64_t Gemm::* side : {&Gemm::m, &Gemm::n, &Gemm::k, &Gemm::batch}) {
      Gemm more = gemm;
      more.*side += any<std::int64_t>(1, 1 + gemm.*side);
      RC_ASSERT(timer.time(more) * std::sqrt(2.0) >= timer.time(gemm));
    }
  }
}

RC_GTEST_PROP(GemmForms, AreNotSlowerWithMoreOfTheChip, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Device device = some_device();
    Device better = device;
    better.peak[DType::bf16] *= 2;
    better.memory.bandwidth *= 2;
    const GemmForm form = some<GemmForm>();
    const Gemm gemm = some_gemm();
    const Seconds before = time(KernelForm{form}, device, gemm), after = time(KernelForm{form}, better, gemm);
    RC_ASSERT(after <= before);
    RC_ASSERT(2 * after * (1 + 1e-9) >= before);
  }
}

RC_GTEST_PROP(AttentionForms, AreNeverFasterThanTheRoofline, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Device device = some_device();
    PrefillForm prefill = some<PrefillForm>();
    prefill.backward = std::min(prefill.backward, 1.0);
    const FusedAttention many = some_attention(false);
    never_beats(device, many, time(prefill, device, many));
    const FusedAttention one = some_attention(true);
    RC_ASSERT(time(some<DecodeForm>(), device, one) * (1 + 1e-9) >= bytes_moved(one) / device.memory.bandwidth);
  }
}

RC_GTEST_PROP(AttentionForms, AreNotFasterForMoreSequencesOrLongerOnes, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Device device = some_device();
    const PrefillForm prefill = some<PrefillForm>();
    FusedAttention few = some_attention(false), more = few;
    more.sequences += any(1, 65);
    RC_ASSERT(time(prefill, device, more) >= time(prefill, device, few));
    FusedAttention longer = few;
    longer.q_len += any(1, 500), longer.kv_len += longer.q_len - few.q_len;
    longer.visible = visible_share(longer.q_len, longer.kv_len);
    RC_ASSERT(time(prefill, device, longer) * (1 + 1e-9) >= time(prefill, device, few));
  }
}

// More sequences fill idle SMs for nothing, never for less.
RC_GTEST_PROP(DecodeForms, AreNotFasterForMoreSequences, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Device device = some_device();
    const DecodeForm form = some<DecodeForm>();
    FusedAttention few = some_attention(true), more = few;
    more.sequences += any(1, 65);
    RC_ASSERT(time(form, device, more) * (1 + 1e-9) >= time(form, device, few));
  }
}

RC_GTEST_PROP(StreamingForms, AreNotFasterForMoreBytes, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Device device = some_device();
    const StreamingForm form = some<StreamingForm>();
    const Streaming less{StreamingKind::norm, Bytes{1.0 * any(1, 200'000'000)}},
        more{StreamingKind::norm, less.bytes + Bytes{1.0 * any(1, 100'000'000)}};
    RC_ASSERT(time(form, device, more) >= time(form, device, less));
  }
}

}  // namespace
}  // namespace forerun

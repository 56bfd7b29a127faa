#include "costmodel/kernels/streaming_form.hpp"

#include <algorithm>
#include <array>

namespace forerun {
namespace {

constexpr std::array<FormField<StreamingForm>, 4> fields{{
    {"memory", &StreamingForm::memory, 0.02, 0.6, 4},
    {"cached", &StreamingForm::cached, 1, 1.3, 10},
    {"launch", &StreamingForm::launch, 1e-7, 3e-6, 1e-4, FieldUnit::microseconds},
    {"backward", &StreamingForm::backward, 0.05, 1, 4, FieldUnit::none, false, {}, true},
}};

}  // namespace

template <>
std::span<const FormField<StreamingForm>> fields_of<StreamingForm>() {
  return fields;
}

Seconds time(const StreamingForm& form, const Device& device, const Streaming& kernel) {
  if (kernel.bytes == Bytes{0}) return Seconds{0};
  const double hit = std::clamp(2 - kernel.bytes / device.l2, 0.0, 1.0);
  return Seconds{form.launch} + kernel.bytes * (1 - hit * (1 - 1 / form.cached)) /
                                    (form.memory * (kernel.backward ? form.backward : 1) * device.memory.bandwidth);
}

}  // namespace forerun

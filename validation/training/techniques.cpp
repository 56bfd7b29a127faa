#include "validation/training/techniques.hpp"

#include <regex>

namespace forerun {

// 0 baseline, 1 packed data, 2 compile, 3 chunked cross-entropy, 4 recompute (a column of its own), 5 update fused into
// backward, 6 activation offloading, 7 8-bit AdamW; 8 and 9, LoRA and QLoRA, replace training in full.
std::optional<Techniques> techniques_of(const TrainingRow& row) {
  static const std::regex pattern(R"(cumulative technique #(\d)\b)");
  std::smatch m;
  if (!std::regex_search(row.notes, m, pattern)) return std::nullopt;
  const int last = std::stoi(m[1]);
  return Techniques{.packed_data = last >= 1,
                    .compiled = last >= 2,
                    .chunked_loss = last >= 3,
                    .update_in_backward = last >= 5,
                    .offloaded_activations = last >= 6,
                    .eight_bit_moments = last >= 7,
                    .tuning = last == 8   ? TuningKind::lora
                              : last == 9 ? TuningKind::qlora
                                          : TuningKind::full};
}

}  // namespace forerun

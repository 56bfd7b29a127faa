// Rows of a table of techniques that are added one after the other ("cumulative technique #3: + Chunked Cross Entropy";
// torchtune's README): what is on in each.
#pragma once

#include <optional>

#include "validation/training/training_rows.hpp"
#include "workloads/jobs/tuning.hpp"

namespace forerun {

struct Techniques {
  bool packed_data = false, compiled = false, chunked_loss = false, update_in_backward = false,
       offloaded_activations = false, eight_bit_moments = false;
  TuningKind tuning = TuningKind::full;
};

// nullopt: the row is not of such a table.
std::optional<Techniques> techniques_of(const TrainingRow&);

}  // namespace forerun

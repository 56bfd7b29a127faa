// Time of a step, by what it is spent on.
#pragma once

#include <array>

#include "base/quantity.hpp"
#include "base/vocabulary.hpp"

namespace forerun {

// Where the step's time goes, on the rank of the slowest stage. The sum of all but `hidden` is the step.
struct Breakdown {
  Seconds compute;                     // forward and backward kernels
  Seconds recompute;                   // forward kernels that backward runs again
  std::array<Seconds, 5> exposed{};    // communication that the rank waits for, by Dimension
  std::array<Seconds, 5> hidden{};     // communication beside computation
  Seconds bubble;                      // waiting for other pipeline stages
  Seconds optimizer;                   // where it runs on the host: with its copies
  Seconds offload;                     // waiting for activations on their way to or from the host
  Seconds host;                        // framework floor of a step

  [[nodiscard]] Seconds exposed_in(Dimension d) const { return exposed[static_cast<std::size_t>(d)]; }
  [[nodiscard]] Seconds hidden_in(Dimension d) const { return hidden[static_cast<std::size_t>(d)]; }
  [[nodiscard]] Seconds total() const;
};

}  // namespace forerun

// What every implementation of Communicator must do, whatever its ranks are and wherever its tensors lie. Each case
// runs on all ranks and throws what is wrong.
#pragma once

#include <functional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/communication/communicator.hpp"

namespace forerun::test {

// Tensors are in the backend's memory. Where the communicator queues, sums may be off by the rounding of another order.
struct CommunicatorCase {
  std::string_view name;
  std::function<void(Communicator&, Backend&)> run;
  // The case holds only where sends wait for nobody: not for a communicator that queues, among several ranks.
  bool buffers_sends = false;

  friend void PrintTo(const CommunicatorCase& c, std::ostream* to) {
    *to << c.name;
  }  // GoogleTest would print its bytes
};

const std::vector<CommunicatorCase>& communicator_cases();

// With tensors in the host's memory.
void run_on_host(const CommunicatorCase&, Communicator&);

}  // namespace forerun::test

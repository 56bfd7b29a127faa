// What every implementation of Communicator must do, whatever its ranks are. Each case runs on all ranks and throws
// what is wrong.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/communicator.hpp"

namespace forerun::test {

struct CommunicatorCase {
  std::string_view name;
  std::function<void(Communicator&)> run;
};

const std::vector<CommunicatorCase>& communicator_cases();

}  // namespace forerun::test

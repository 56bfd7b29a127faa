#include "runtime/communication/communicator.hpp"

#include <utility>

namespace forerun {

std::string_view to_string(CommunicationKind kind) {
  static constexpr std::array<std::string_view, communication_kinds> names{"all_reduce", "all_gather", "reduce_scatter",
                                                                           "all_to_all", "send"};
  return names[static_cast<std::size_t>(kind)];
}

std::string operation_of(std::string_view name, const Elements& tensor, int ranks) {
  std::string operation(name);
  if (tensor.data != nullptr)
    operation += " of " + std::to_string(tensor.count) + " " + std::string(to_string(tensor.dtype));
  return operation + " among " + std::to_string(ranks);
}

CommunicationError::CommunicationError(int who, std::string what, const std::string& reason)
    : std::runtime_error("rank " + std::to_string(who) + ", " + what + ": " + reason),
      rank(who),
      operation(std::move(what)) {}

}  // namespace forerun

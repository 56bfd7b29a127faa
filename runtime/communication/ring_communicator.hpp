// Collectives as rings over links (Patarasuk and Yuan 2009): what a rank sends is what wire_bytes of
// costmodel/collectives/collective.hpp promises.
#pragma once

#include <memory>

#include "runtime/communication/communicator.hpp"
#include "runtime/communication/links.hpp"

namespace forerun {

std::unique_ptr<Communicator> make_ring_communicator(std::unique_ptr<Links>);

}  // namespace forerun

// Collectives as rings over links (Patarasuk and Yuan 2009): what a rank sends is what costmodel/collective.hpp's
// wire_bytes promises.
#pragma once

#include <memory>

#include "runtime/communicator.hpp"
#include "runtime/links.hpp"

namespace forerun {

std::unique_ptr<Communicator> make_ring_communicator(std::unique_ptr<Links>);

}  // namespace forerun

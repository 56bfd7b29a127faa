// What a rank sends in one call where collectives go round a ring, in closed form. The ring communicator counts what it
// sends; those whose messages are not seen count this, and the tests compare the two.
#pragma once

#include <span>

#include "runtime/communication/communicator.hpp"

namespace forerun {

// Large shards go round piece by piece, which stays in the caches: the pieces of each shard, 1 at least.
std::int64_t ring_pieces(const Elements& whole, int ranks);

// An all-reduce, an all-gather or a reduce-scatter among more than one rank. Scattering, a rank sends all shards but
// its own; gathering, all but that of the rank after it.
CommunicationCount ring_count(CommunicationKind, const Elements& whole, int ranks, int rank);

// An all-to-all among more than one rank: a message to each other one, even of nothing.
CommunicationCount exchange_count(const Elements& send, std::span<const std::int64_t> send_counts, int rank);

CommunicationCount send_count(const Elements&);

}  // namespace forerun

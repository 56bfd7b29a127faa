#include "runtime/communication/ring_count.hpp"

#include <algorithm>
#include <cassert>

#include "runtime/communication/element_parts.hpp"

namespace forerun {
namespace {

constexpr std::int64_t most_in_piece = 128 << 10;  // bytes

}  // namespace

std::int64_t ring_pieces(const Elements& whole, int ranks) {
  const std::int64_t largest = shard_sizes(whole.count, ranks).largest * whole.element();
  return std::max<std::int64_t>(1, (largest + most_in_piece - 1) / most_in_piece);
}

CommunicationCount ring_count(CommunicationKind kind, const Elements& whole, int ranks, int rank) {
  const bool gathers = kind != CommunicationKind::reduce_scatter, scatters = kind != CommunicationKind::all_gather;
  assert(ranks > 1 && (kind == CommunicationKind::all_reduce || gathers != scatters));
  CommunicationCount count{.calls = 1, .api_bytes = whole.bytes()};
  const std::int64_t messages = ring_pieces(whole, ranks) * (ranks - 1);
  const auto add_pass = [&](int kept) {
    count.messages += messages;
    count.wire_bytes += whole.bytes() - shard_of(whole, ranks, kept).bytes();
  };
  if (scatters) add_pass(rank);
  if (gathers) add_pass((rank + 1) % ranks);
  return count;
}

CommunicationCount exchange_count(const Elements& send, std::span<const std::int64_t> send_counts, int rank) {
  const Elements all = send.part(0, std::accumulate(send_counts.begin(), send_counts.end(), std::int64_t{0}));
  return {.calls = 1,
          .messages = std::ssize(send_counts) - 1,
          .api_bytes = send.bytes(),
          .wire_bytes = all.bytes() - part_of(send, send_counts, rank).bytes()};
}

CommunicationCount send_count(const Elements& tensor) {
  return {.calls = 1, .messages = 1, .api_bytes = tensor.bytes(), .wire_bytes = tensor.bytes()};
}

}  // namespace forerun

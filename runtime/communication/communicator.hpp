// Ranks that talk to each other: a group, of which this is one member.
//
// Collectives match by the order in which the members call them; sends are buffered, and messages between two members
// of a group arrive in order. A group made twice is two groups, whose messages do not meet: give each lane its own.
// Calls return when their result is there; of a communicator that `queues`, when they are in line on its backend's
// lane.
//
// Reductions go round a ring: element i of shard s is x[s+1] + x[s+2] + ... + x[s], ranks modulo the group, from the
// left. So equal inputs give equal bits, on every rank, every time, in each implementation; only another size of the
// group changes them.
//
// Two things are otherwise where the communicator `queues`: reductions add in an order of their own, and a send waits
// on its lane until the other receives. Neighbours of a pipeline need a group and a lane for each direction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/cpu/number.hpp"

namespace forerun {

enum class CommunicationKind : std::uint8_t { all_reduce, all_gather, reduce_scatter, all_to_all, send };
inline constexpr std::size_t communication_kinds = 5;
std::string_view to_string(CommunicationKind);

enum class Reduction : std::uint8_t { sum, largest };

// What this rank sent. API bytes as nccl-tests counts them: the whole tensor, for all-to-all what one rank holds.
struct CommunicationCount {
  std::int64_t calls = 0, messages = 0, api_bytes = 0, wire_bytes = 0;

  bool operator==(const CommunicationCount&) const = default;
  CommunicationCount& operator+=(const CommunicationCount& more) {
    calls += more.calls, messages += more.messages, api_bytes += more.api_bytes, wire_bytes += more.wire_bytes;
    return *this;
  }
};
using CommunicationCounts = std::array<CommunicationCount, communication_kinds>;

// A peer failed or ended, or does not send what is waited for. what(): "rank 1, all_reduce of 12 fp32 among 4: ...".
class CommunicationError : public std::runtime_error {
 public:
  CommunicationError(int rank, std::string operation, const std::string& reason);

  int rank;               // in the whole run
  std::string operation;  // "all_reduce of 12 fp32 among 4"
};

// Elements of one type in memory.
struct Elements {
  std::byte* data = nullptr;
  std::int64_t count = 0;
  DType dtype = DType::int8;

  Elements() = default;
  Elements(std::byte* bytes, std::int64_t elements, DType type) : data(bytes), count(elements), dtype(type) {}
  template <class T>
  Elements(std::span<T> list)  // NOLINT(google-explicit-constructor): a span that says its type
      : data(reinterpret_cast<std::byte*>(list.data())), count(std::ssize(list)), dtype(number_format<T>) {}
  Elements(std::span<std::byte> list)
      : data(list.data()), count(std::ssize(list)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] std::int64_t element() const { return static_cast<std::int64_t>(size_of(dtype).value()); }
  [[nodiscard]] std::int64_t bytes() const { return count * element(); }
  [[nodiscard]] Elements part(std::int64_t first, std::int64_t elements) const {
    return {data + first * element(), elements, dtype};
  }
};

// "all_reduce of 12 fp32 among 4"; without the elements where the tensor is none.
std::string operation_of(std::string_view name, const Elements&, int ranks);

// Shards are cut as base/shard_sizes.hpp says, larger ones first. Tensors of one call agree in type on all ranks; those
// that are only read are not changed. Reductions are of fp64, fp32 and bf16; of bf16,
// every partial sum is rounded.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  [[nodiscard]] virtual bool queues() const { return false; }

  virtual void all_reduce(Elements, Reduction) = 0;  // in place
  virtual void reduce_scatter(Elements whole, Elements mine,
                              Reduction) = 0;  // reads whole; mine may be its place in it
  virtual void all_gather(Elements mine, Elements whole) = 0;  // reads mine, which may be its place in whole
  // To rank i go send_counts[i] elements of `send`, one rank's after the other's; from it come receive_counts[i].
  virtual void all_to_all(Elements send, std::span<const std::int64_t> send_counts, Elements receive,
                          std::span<const std::int64_t> receive_counts) = 0;
  virtual void send(int to, Elements) = 0;
  virtual void receive(int from, Elements) = 0;
  // Both at once, as all members of a ring do. `in` may be `out`, but not where the communicator `queues`: there they
  // do not overlap.
  virtual void shift(int to, Elements out, int from, Elements in) {
    send(to, out);
    receive(from, in);
  }
  virtual void barrier() = 0;

  // Threads of this rank that work at the same time (1 at first), so that all of them waiting for messages is told from
  // some of them waiting. A thread that waits for another of the same rank does not count meanwhile.
  virtual void add_talkers(int change) = 0;

  // This rank fails: whoever waits, or will, throws CommunicationError. Where ranks are processes, the end of one does
  // that.
  virtual void give_up(const std::string& why) = 0;

  // A group of some of the members, in this order. Each of them calls it, with the same list; null where this rank is
  // none of them.
  virtual std::unique_ptr<Communicator> group(std::span<const int> ranks) = 0;

  [[nodiscard]] virtual const CommunicationCounts& counts() const = 0;  // in this group
};

}  // namespace forerun

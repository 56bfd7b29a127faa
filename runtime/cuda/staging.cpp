#include "runtime/cuda/staging.hpp"

#include <algorithm>
#include <cstring>

namespace forerun::cuda {
namespace {

// The event is done before what it guards is written over.
auto into(EventPool& pool) {
  return [&pool](Event event) {
    check(cudaEventSynchronize(event.get()), "cudaEventSynchronize");
    pool.give_back(std::move(event));
  };
}

Event recorded(EventPool& pool, cudaStream_t stream) {
  Event event = pool.take();
  check(cudaEventRecord(event.get(), stream), "cudaEventRecord");
  return event;
}

}  // namespace

Event EventPool::take() {
  if (free_.empty()) return new_event(/*with_time=*/false);
  Event event = std::move(free_.back());
  free_.pop_back();
  return event;
}

void Staging::put(const void* host, void* to, std::int64_t bytes, cudaStream_t stream) {
  if (bytes > 0 && !memory_) memory_ = new_pinned_memory(capacity);
  for (std::int64_t at = 0; at < bytes; at += piece) {
    const std::int64_t size = std::min(piece, bytes - at);
    std::byte* const place = memory_.get() + ring_.reserve(size, into(events_));
    std::memcpy(place, static_cast<const std::byte*>(host) + at, static_cast<std::size_t>(size));
    check(cudaMemcpyAsync(static_cast<std::byte*>(to) + at, place, static_cast<std::size_t>(size),
                          cudaMemcpyHostToDevice, stream),
          "cudaMemcpyAsync");
    ring_.hold(recorded(events_, stream));
  }
}

void ListRing::upload(std::span<const std::span<const std::byte>> lists, std::span<const std::byte*> at,
                      cudaStream_t stream) {
  constexpr std::int64_t alignment = 16;
  const auto padded = [](std::span<const std::byte> list) {
    return (std::ssize(list) + alignment - 1) / alignment * alignment;
  };
  std::int64_t bytes = 0;
  for (const auto list : lists) bytes += padded(list);
  if (!host_ || bytes > ring_.capacity() / 4) grow(bytes);
  const std::int64_t place = ring_.reserve(bytes, into(events_));
  end_ = events_.take();
  std::int64_t next = place;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (!lists[i].empty()) std::memcpy(host_.get() + next, lists[i].data(), lists[i].size());
    at[i] = device_.get() + next;
    next += padded(lists[i]);
  }
  if (bytes > 0)
    check(cudaMemcpyAsync(device_.get() + place, host_.get() + place, static_cast<std::size_t>(bytes),
                          cudaMemcpyHostToDevice, stream),
          "cudaMemcpyAsync");
}

// Where it goes wrong, so does the stream's next call.
void ListRing::done(cudaStream_t stream) noexcept {
  cudaEventRecord(end_.get(), stream);
  ring_.hold(std::move(end_));
}

// Room for several such, so that one is written while others are read. The old memory stays as long as something in
// line may read it.
void ListRing::grow(std::int64_t bytes) {
  constexpr std::int64_t least = 4 << 20, alignment = PieceRing<Event>::alignment;
  if (host_) outgrown_.push_back({std::move(ring_), std::move(host_), std::move(device_)});
  const std::int64_t capacity = std::max(least, (4 * bytes + alignment - 1) / alignment * alignment);
  host_ = new_pinned_memory(capacity);
  device_ = new_device_memory(capacity);
  ring_ = PieceRing<Event>(capacity);
}

}  // namespace forerun::cuda

// From the host's memory to the device's, through pinned memory that is used again when a copy is done: the host's may
// change at once, and no stream stands still.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/cuda/piece_ring.hpp"
#include "runtime/cuda/resources.hpp"

namespace forerun::cuda {

// Events to use again.
class EventPool {
 public:
  Event take();
  void give_back(Event event) { free_.push_back(std::move(event)); }

 private:
  std::vector<Event> free_;
};

class Staging {
 public:
  void put(const void* host, void* to, std::int64_t bytes, cudaStream_t);

 private:
  static constexpr std::int64_t capacity = 32 << 20, piece = 8 << 20;
  PieceRing<Event> ring_{capacity};
  PinnedMemory memory_;  // once it is needed
  EventPool events_;
};

// Lists of the host that kernels read, in device memory of their own.
class ListRing {
 public:
  // Puts the lists, one behind the other, in line on the stream; `at` gets where each is on the device. What is put in
  // line before done(), which must follow, may read them.
  void upload(std::span<const std::span<const std::byte>> lists, std::span<const std::byte*> at, cudaStream_t);
  void done(cudaStream_t) noexcept;
  void forget_outgrown() { outgrown_.clear(); }  // while nothing is in line

 private:
  struct Outgrown {
    PieceRing<Event> ring;
    PinnedMemory host;
    DeviceMemory device;
  };
  void grow(std::int64_t bytes);

  PieceRing<Event> ring_{0};
  PinnedMemory host_;
  DeviceMemory device_;  // the same places as on the host
  std::vector<Outgrown> outgrown_;
  EventPool events_;
  Event end_;  // of the kernels that read the last
};

}  // namespace forerun::cuda

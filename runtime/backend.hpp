// One rank's processor: where its tensors lie, in which order work on them is done, and when it was.
//
// Work is put in line on lanes (CUDA: streams); that of one lane is done in order, and `follow` orders lanes. Tensors
// lie in the backend's memory, which the host may not touch where the backend is a GPU: `put` and `get` cross. The CPU
// has done what it is asked for when a call returns.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/operators.hpp"

namespace forerun {

// A place in a lane: what was put in line there until then. Of the step that start_clock() began.
struct Mark {
  std::int64_t value = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  [[nodiscard]] virtual std::string_view name() const = 0;  // "cpu", "cuda"
  [[nodiscard]] virtual bool queues() const = 0;            // calls return before their work is done

  // --- memory: bytes in the backend's memory, unless a parameter says host ---
  virtual void* take(std::int64_t bytes) = 0;  // aligned as Allocator::alignment says; throws std::bad_alloc
  virtual void give_back(void*, std::int64_t bytes) noexcept = 0;
  virtual void copy(const void* from, void* to, std::int64_t bytes) = 0;
  // `rows` times `bytes`, the strides in bytes too.
  virtual void copy_rows(std::int64_t rows, std::int64_t bytes, const void* from, std::int64_t from_stride, void* to,
                         std::int64_t to_stride) = 0;
  virtual void clear(void*, std::int64_t bytes) = 0;  // all bits 0, which is 0 in every format
  virtual void put(const void* host, void* to, std::int64_t bytes) = 0;  // the host's may change once it returns
  virtual void get(const void* from, void* host, std::int64_t bytes) = 0;  // waits until the host has it

  // --- order and time ---
  virtual void use_lane(int) = 0;  // of what follows; 0 at first
  virtual Mark mark() = 0;  // here, on the lane in use
  virtual void follow(Mark) = 0;  // what comes next on the lane in use waits for it
  virtual void finish() = 0;  // waits until all that is in line is done; throws what went wrong
  // Marks from here on are of a new step: nothing is in line. Says when that was, by the host's clock.
  virtual std::chrono::steady_clock::time_point start_clock() = 0;
  // When a mark was reached, since start_clock(); waits until it is.
  [[nodiscard]] virtual std::chrono::nanoseconds reached(Mark) = 0;

  template <class T>
  [[nodiscard]] Operators<T>& operators() {
    if constexpr (std::is_same_v<T, double>) {
      return in_fp64();
    } else if constexpr (std::is_same_v<T, float>) {
      return in_fp32();
    } else {
      return in_bf16();
    }
  }

 private:
  virtual Operators<double>& in_fp64() = 0;
  virtual Operators<float>& in_fp32() = 0;
  virtual Operators<BFloat16>& in_bf16() = 0;
};

template <class T>
void copy(Backend& on, std::span<const T> from, std::span<T> to) {
  on.copy(from.data(), to.data(), static_cast<std::int64_t>(from.size_bytes()));
}
template <class T>
void clear(Backend& on, std::span<T> to) {
  on.clear(to.data(), static_cast<std::int64_t>(to.size_bytes()));
}
template <class T>
void put(Backend& on, std::span<const T> host, std::span<T> to) {
  on.put(host.data(), to.data(), static_cast<std::int64_t>(host.size_bytes()));
}
template <class T>
void get(Backend& on, std::span<const T> from, std::span<T> host) {
  on.get(from.data(), host.data(), static_cast<std::int64_t>(from.size_bytes()));
}
// Rows of `width` elements.
template <class T>
void copy_rows(Backend& on, std::int64_t rows, std::int64_t width, Matrix<const T> from, Matrix<T> to) {
  constexpr auto size = static_cast<std::int64_t>(sizeof(T));
  on.copy_rows(rows, width * size, from.data, from.stride * size, to.data, to.stride * size);
}

std::unique_ptr<Backend> make_cpu_backend();

}  // namespace forerun

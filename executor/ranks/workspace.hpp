// Memory that instructions use while they run, handed out piece by piece.
//
// What is taken is free again when the instruction is done; what is kept stays beyond that, while the pieces of ring
// attention come one after the other; what is held stays for the whole run.
#pragma once

#include <cstdint>
#include <span>

#include "base/quantity.hpp"
#include "runtime/allocator.hpp"

namespace forerun {

class Workspace {
 public:
  Workspace(Allocator&, Bytes);

  // Contents are undefined. Throws std::runtime_error where there is no room.
  template <class U>
  [[nodiscard]] std::span<U> take(std::int64_t elements) {
    return {reinterpret_cast<U*>(take_bytes(elements * static_cast<std::int64_t>(sizeof(U)))),
            static_cast<std::size_t>(elements)};
  }
  // What was taken since then is free again.
  [[nodiscard]] std::int64_t used() const { return used_; }
  void go_back_to(std::int64_t used) { used_ = used; }

  void end_instruction() { used_ = kept_; }
  void keep() { kept_ = used_; }
  void let_go() { kept_ = held_; }
  void hold() { held_ = kept_ = used_; }

 private:
  std::byte* take_bytes(std::int64_t bytes);

  Allocation memory_;
  std::int64_t used_ = 0, kept_ = 0, held_ = 0;
};

}  // namespace forerun

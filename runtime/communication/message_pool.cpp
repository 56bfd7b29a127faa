#include "runtime/communication/links.hpp"

#include <utility>

namespace forerun {

// The smallest that is large enough, else a new one.
std::vector<std::byte> MessagePool::take(std::int64_t bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  {
    const std::lock_guard lock(mutex_);
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->size() >= size && (best == free_.end() || it->size() < best->size())) best = it;
    }
    if (best != free_.end()) {
      std::swap(*best, free_.back());
      std::vector<std::byte> found = std::move(free_.back());
      free_.pop_back();
      return found;
    }
  }
  return std::vector<std::byte>(size);
}

void MessagePool::give_back(std::vector<std::byte>&& bytes) {
  const std::lock_guard lock(mutex_);
  if (free_.size() < most_kept) free_.push_back(std::move(bytes));
}

}  // namespace forerun

#include "runtime/allocator.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>
#include <stdexcept>
#include <utility>

#include "runtime/backend.hpp"

namespace forerun {

Allocation::Allocation(Allocation&& other) noexcept { *this = std::move(other); }

Allocation& Allocation::operator=(Allocation&& other) noexcept {
  std::swap(allocator_, other.allocator_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(id_, other.id_);
  return *this;
}

Allocation::~Allocation() {
  if (allocator_ != nullptr) allocator_->release(*this);
}

Allocator::~Allocator() {
  assert(held_.empty() && "an allocation outlives its allocator");
  trim();
}

namespace {

// Of a block for so many bytes: a step of an eighth of their power of two, so that rows of experts, of another number
// each time, find a block that was there.
std::int64_t block_size(std::int64_t bytes) {
  const auto power = std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 1)));
  const std::int64_t step =
      std::max(static_cast<std::int64_t>(Allocator::alignment), static_cast<std::int64_t>(power / 8));
  return (bytes + step - 1) / step * step;
}

}  // namespace

void* Allocator::block(std::string_view name, std::int64_t bytes) {
  const std::int64_t size = block_size(bytes);
  if (const auto kept = kept_.find(size); kept != kept_.end() && !kept->second.empty()) {
    void* const data = kept->second.back();
    kept->second.pop_back();
    return data;
  }
  try {
    return backend_.take(size);
  } catch (const std::bad_alloc&) {
    backend_.finish();  // what is in line may still use what is kept
    trim();
  }
  try {
    return backend_.take(size);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error("'" + std::string(name) + "' needs " + std::to_string(bytes) +
                             " B, and there is no room beside the " + std::to_string(in_use_) +
                             " B that this rank uses");
  }
}

Allocation Allocator::allocate(std::string_view name, std::int64_t bytes, std::uint32_t tag) {
  assert(bytes >= 0);
  void* const data = block(name, bytes);
  const std::uint32_t id = next_++, said = name_id(name);
  held_.emplace(id, Held{tag, said, bytes});
  change(bytes, tag, said);
  return {this, id, data, bytes};
}

void Allocator::release(const Allocation& allocation) {
  const auto held = held_.find(allocation.id_);
  change(-held->second.bytes, held->second.tag, held->second.name);
  held_.erase(held);
  kept_[block_size(allocation.bytes_)].push_back(allocation.data_);
}

std::uint32_t Allocator::name_id(std::string_view name) {
  if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
  const auto id = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  ids_.emplace(name, id);
  return id;
}

void Allocator::change(std::int64_t delta, std::uint32_t tag, std::uint32_t name) {
  assert((changes_.empty() || changes_.back().position <= position_) && "positions fall");
  changes_.push_back({position_, delta, tag, name});
  in_use_ += delta;
  if (in_use_ > peak_) {
    peak_ = in_use_;
    until_peak_ = changes_.size();
  }
}

// What was there at the start, and what came until the peak; a release takes away the oldest of its name, tag and size.
std::vector<Allocator::Live> Allocator::live_at_peak() const {
  std::vector<Held> live = at_start_;
  for (std::size_t i = 0; i < until_peak_; ++i) {
    const Change& c = changes_[i];
    if (c.delta >= 0) {
      live.push_back({c.tag, c.name, c.delta});
      continue;
    }
    const auto same = [&](const Held& h) { return h.name == c.name && h.tag == c.tag && h.bytes == -c.delta; };
    live.erase(std::ranges::find_if(live, same));
  }
  std::vector<Live> list;
  list.reserve(live.size());
  for (const Held& h : live) list.push_back({names_[h.name], h.tag, h.bytes});
  return list;
}

std::vector<std::int64_t> Allocator::peak_by_tag() const {
  std::vector<std::int64_t> sums;
  for (const Live& live : live_at_peak()) {
    if (live.tag >= sums.size()) sums.resize(live.tag + 1);
    sums[live.tag] += live.bytes;
  }
  return sums;
}

void Allocator::forget() {
  at_start_.clear();
  for (const auto& [id, held] : held_) at_start_.push_back(held);
  changes_.clear();
  until_peak_ = 0;
  peak_ = in_use_;
}

void Allocator::trim() {
  for (auto& [bytes, blocks] : kept_) {
    for (void* block : blocks) backend_.give_back(block, bytes);
  }
  kept_.clear();
}

}  // namespace forerun

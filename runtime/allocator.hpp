// One rank's memory, counted to the byte: what is in use, the most that ever was, and by whom.
//
// An allocation counts what was asked for. Alignment and blocks kept for the next allocation of their size are not
// counted (blocks of like sizes serve each other), as a caching allocator reports `allocated` apart from `reserved`.
// One allocator a rank: it is not safe to share between threads. Where a backend puts work in line, a block may be
// given out again while work on it is still in line: the caller orders its lanes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace forerun {

class Allocator;
class Backend;

// Memory of one name, given back when it goes. Its contents start undefined. It must not outlive its allocator.
class Allocation {
 public:
  Allocation() = default;
  Allocation(Allocation&&) noexcept;
  Allocation& operator=(Allocation&&) noexcept;
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;
  ~Allocation();

  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  [[nodiscard]] explicit operator bool() const { return allocator_ != nullptr; }
  template <class T>
  [[nodiscard]] std::span<T> as() const {  // all of it; bytes are a multiple of T's
    return {static_cast<T*>(data_), static_cast<std::size_t>(bytes_) / sizeof(T)};
  }

 private:
  friend class Allocator;
  Allocation(Allocator* allocator, std::uint32_t id, void* data, std::int64_t bytes)
      : allocator_(allocator), data_(data), bytes_(bytes), id_(id) {}

  Allocator* allocator_ = nullptr;
  void* data_ = nullptr;
  std::int64_t bytes_ = 0;
  std::uint32_t id_ = 0;
};

class Allocator {
 public:
  static constexpr std::size_t alignment = 64;  // a cache line, and the widest vector

  // One change of what is in use. `position` is the caller's: an instruction's number, or a time.
  struct Change {
    std::uint64_t position = 0;
    std::int64_t delta = 0;
    std::uint32_t tag = 0;
    std::uint32_t name = 0;  // a number of each name

    bool operator==(const Change&) const = default;
  };
  struct Live {
    std::string_view name;
    std::uint32_t tag = 0;
    std::int64_t bytes = 0;

    bool operator==(const Live&) const = default;
  };

  explicit Allocator(Backend& on) : backend_(on) {}  // of its memory; the backend outlives it
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  void move_to(std::uint64_t position) { position_ = position; }  // of the changes from here on; never falls
  // `tag` is a small number: what the bytes are for. Throws std::runtime_error where there is no room, and counts
  // nothing then.
  Allocation allocate(std::string_view name, std::int64_t bytes, std::uint32_t tag = 0);

  [[nodiscard]] std::int64_t in_use() const { return in_use_; }
  [[nodiscard]] std::int64_t peak() const { return peak_; }
  [[nodiscard]] std::vector<Live> live_at_peak() const;  // when the peak was first reached, in the order of allocation
  [[nodiscard]] std::vector<std::int64_t> peak_by_tag() const;  // their sum is the peak
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }  // in order
  void forget();  // what was before: the peak is what is in use now. For the steps after a warm-up.
  void trim();  // gives kept blocks back to the backend

 private:
  friend class Allocation;
  std::uint32_t name_id(std::string_view);
  void change(std::int64_t delta, std::uint32_t tag, std::uint32_t name);
  void release(const Allocation&);
  void* block(std::string_view name, std::int64_t bytes);

  struct Held {
    std::uint32_t tag, name;
    std::int64_t bytes;
  };
  Backend& backend_;
  std::int64_t in_use_ = 0, peak_ = 0;
  std::uint64_t position_ = 0;
  std::uint32_t next_ = 1;
  std::map<std::uint32_t, Held> held_;  // by id, so in the order of allocation
  std::vector<Held> at_start_;  // in use when the list of changes begins
  std::vector<Change> changes_;
  std::size_t until_peak_ = 0;  // so many changes make the peak
  std::vector<std::string> names_;
  std::map<std::string, std::uint32_t, std::less<>> ids_;
  std::map<std::int64_t, std::vector<void*>> kept_;  // free blocks by their size
};

}  // namespace forerun

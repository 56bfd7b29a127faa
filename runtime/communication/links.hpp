// What a communicator needs of the machine: buffered messages between the members of a group, in order between each
// two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <vector>

namespace forerun {

// A peer is gone or what came is not what was waited for.
class LinkFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Memory of messages, used again: fresh pages cost more than the copy into them. May be shared by threads.
class MessagePool {
 public:
  std::vector<std::byte> take(std::int64_t bytes);  // at least so many
  void give_back(std::vector<std::byte>&&);

 private:
  static constexpr std::size_t most_kept = 64;
  std::mutex mutex_;
  std::vector<std::vector<std::byte>> free_;
};

// The bytes of one message. They go back to their pool when it goes.
class Message {
 public:
  Message() = default;
  Message(std::shared_ptr<MessagePool> pool, std::int64_t bytes)
      : pool_(std::move(pool)), memory_(pool_->take(bytes)), bytes_(bytes) {}
  Message(Message&&) noexcept = default;
  Message& operator=(Message&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() {
    if (pool_) pool_->give_back(std::move(memory_));
  }

  [[nodiscard]] std::byte* data() { return memory_.data(); }
  [[nodiscard]] const std::byte* data() const { return memory_.data(); }
  [[nodiscard]] std::int64_t size() const { return bytes_; }

 private:
  std::shared_ptr<MessagePool> pool_;
  std::vector<std::byte> memory_;
  std::int64_t bytes_ = 0;
};

class Links {
 public:
  virtual ~Links() = default;
  Links() = default;
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  [[nodiscard]] virtual int rank_in_run() const = 0;

  virtual Message message(std::int64_t bytes) = 0;            // to fill and send
  virtual void send(int to, Message) = 0;                     // returns at once
  // Throws LinkFailure where the peer is gone or sent another number of bytes.
  virtual Message receive(int from, std::int64_t bytes) = 0;
  virtual void add_talkers(int /*change*/) {}  // Communicator::add_talkers
  virtual void give_up(const std::string& /*why*/) {}
  virtual std::unique_ptr<Links> group(std::span<const int> ranks) = 0;  // as Communicator's; this rank is one of them
};

}  // namespace forerun

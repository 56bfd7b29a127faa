// NCCL's calls over a communicator of the host, with what is hard in them: a send waits for its receive, sums have
// another order than a ring's, shards are equal.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "runtime/communication/links.hpp"
#include "runtime/communication/nccl_calls.hpp"
#include "runtime/communication/reduction.hpp"

namespace forerun::test {

class HostNccl final : public NcclCalls {
 public:
  HostNccl(Communicator& host, Backend& on) : on_(on) {
    std::vector<int> all(static_cast<std::size_t>(host.size()));
    std::iota(all.begin(), all.end(), 0);
    messages_ = host.group(all), receipts_ = host.group(all);
  }

  void grouped(const std::function<void()>& calls) override {
    grouped_ = true;
    calls();
    grouped_ = false;
    run();
  }

  void all_reduce(Elements whole, Reduction how) override {
    reduce(whole, whole, how, 0);
    broadcast(whole, whole, 0);
  }
  void reduce_scatter(Elements whole, Elements mine, Reduction how) override {
    require(whole.count == mine.count * messages_->size(), "equal shards");
    for (int root = 0; root < messages_->size(); ++root)
      reduce(whole.part(root * mine.count, mine.count), mine, how, root);
  }
  void all_gather(Elements mine, Elements whole) override {
    require(whole.count == mine.count * messages_->size(), "equal shards");
    for (int root = 0; root < messages_->size(); ++root)
      broadcast(mine, whole.part(root * mine.count, mine.count), root);
  }

  // x[0] + x[1] + ..., from the left.
  void reduce(Elements from, Elements to, Reduction how, int root) override {
    add(from, [=, this] {
      Memory own = fetched(from);
      if (messages_->rank() != root) return messages_->send(root, of(own, from));
      Memory sum;
      for (int rank = 0; rank < messages_->size(); ++rank) {
        Memory next = own;
        if (rank != root) messages_->receive(rank, of(next, from));
        if (rank == 0) {
          sum = next;
        } else {
          forerun::reduce(how, of(next, from), of(sum, from));
        }
      }
      on_.put(sum.data(), to.data, to.bytes());
    });
  }
  void broadcast(Elements from, Elements to, int root) override {
    add(to, [=, this] {
      Memory message(static_cast<std::size_t>(to.bytes()));
      if (messages_->rank() == root) {
        message = fetched(from);
        for (int rank = 0; rank < messages_->size(); ++rank) {
          if (rank != root) messages_->send(rank, of(message, to));
        }
      } else {
        messages_->receive(root, of(message, to));
      }
      on_.put(message.data(), to.data, to.bytes());
    });
  }
  void send(int to, Elements tensor) override {
    sends_.emplace_back(to, tensor);
    add(tensor, [] {});
  }
  void receive(int from, Elements tensor) override {
    receives_.emplace_back(from, tensor);
    add(tensor, [] {});
  }

  void wait() override { require_alive(); }
  void abort() noexcept override { aborted_ = true; }
  [[nodiscard]] bool aborted() const { return aborted_; }

 private:
  using Memory = std::vector<std::byte>;

  static void require(bool holds, const char* what) {
    if (!holds) throw std::logic_error(std::string("NCCL wants ") + what);
  }
  void require_alive() const {
    if (aborted_) throw LinkFailure("aborted");
  }

  void add(const Elements& tensor, std::function<void()> call) {
    require_alive();
    require(tensor.count > 0, "elements");
    calls_.push_back(std::move(call));
    if (!grouped_) run();
  }
  void run() {
    for (const auto& call : std::exchange(calls_, {})) call();
    const auto sends = std::exchange(sends_, {}), receives = std::exchange(receives_, {});
    std::byte receipt{};
    for (const auto& [to, tensor] : sends) {
      Memory message = fetched(tensor);
      messages_->send(to, of(message, tensor));
    }
    for (const auto& [from, tensor] : receives) {
      Memory message(static_cast<std::size_t>(tensor.bytes()));
      messages_->receive(from, of(message, tensor));
      on_.put(message.data(), tensor.data, tensor.bytes());
      receipts_->send(from, std::span(&receipt, 1));
    }
    for (const auto& [to, tensor] : sends) receipts_->receive(to, std::span(&receipt, 1));
  }

  Memory fetched(const Elements& tensor) {
    Memory memory(static_cast<std::size_t>(tensor.bytes()));
    on_.get(tensor.data, memory.data(), tensor.bytes());
    return memory;
  }
  static Elements of(Memory& memory, const Elements& as) { return {memory.data(), as.count, as.dtype}; }

  Backend& on_;
  std::unique_ptr<Communicator> messages_, receipts_;
  bool grouped_ = false;
  std::vector<std::function<void()>> calls_;
  std::vector<std::pair<int, Elements>> sends_, receives_;
  std::atomic<bool> aborted_ = false;
};

}  // namespace forerun::test

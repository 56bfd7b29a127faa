// Messages between threads of one process.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/communication/links.hpp"

namespace forerun {

// What the threads of one run share. One mutex guards it all: a message is a pointer that changes hands, and ranks are
// few.
class ThreadHub {
 public:
  using Queue = std::deque<Message>;
  // Messages of one group: from member i to member j at i * size + j.
  struct Group {
    std::vector<int> ranks;  // of the run
    std::vector<Queue> queues;
  };
  struct Failure {
    int rank;
    std::string what;
  };

  explicit ThreadHub(int ranks);

  [[nodiscard]] const std::shared_ptr<MessagePool>& pool() const { return pool_; }
  // The n-th group of these ranks that `rank` makes is the n-th that each other member makes.
  std::shared_ptr<Group> group(int rank, const std::vector<int>& ranks);

  void add_talkers(int rank, int change);  // Links::add_talkers

  void put(Queue&, int to, Message);
  // Waits for a message of `from` in the queue. Throws LinkFailure when none can come.
  Message take(Queue&, int rank, int from);

  void ended(int rank);                           // sends no more
  void failed(int rank, const std::string& what);  // all who wait, or will, throw; only the first is kept
  [[nodiscard]] std::optional<Failure> failure();

 private:
  struct Rank {
    std::condition_variable wake;
    std::vector<const Queue*> waits_for;  // of each of its threads that waits
    int talkers = 1;
    bool ended = false;
    std::map<std::vector<int>, std::size_t> groups_made;
  };
  [[nodiscard]] std::string why_in_vain(int rank, int from) const;  // "": it may still come
  void wake_all();

  std::mutex mutex_;
  std::vector<Rank> ranks_;
  std::map<std::pair<std::vector<int>, std::size_t>, std::shared_ptr<Group>> groups_;
  std::optional<Failure> failure_;
  std::shared_ptr<MessagePool> pool_ = std::make_shared<MessagePool>();
};

std::unique_ptr<Links> make_thread_links(std::shared_ptr<ThreadHub>, int rank, const std::vector<int>& ranks);

}  // namespace forerun

#include "runtime/communication/thread_links.hpp"

#include <algorithm>

namespace forerun {

ThreadHub::ThreadHub(int ranks) : ranks_(static_cast<std::size_t>(ranks)) {}

std::shared_ptr<ThreadHub::Group> ThreadHub::group(int rank, const std::vector<int>& ranks) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Group>& group = groups_[{ranks, ranks_[static_cast<std::size_t>(rank)].groups_made[ranks]++}];
  if (!group) group = std::make_shared<Group>(Group{ranks, std::vector<Queue>(ranks.size() * ranks.size())});
  return group;
}

void ThreadHub::put(Queue& queue, int to, Message message) {
  Rank& rank = ranks_[static_cast<std::size_t>(to)];
  bool waited_for = false;
  {
    const std::lock_guard lock(mutex_);
    queue.push_back(std::move(message));
    waited_for = std::ranges::find(rank.waits_for, &queue) != rank.waits_for.end();
  }
  if (waited_for) rank.wake.notify_all();
}

Message ThreadHub::take(Queue& queue, int rank, int from) {
  Rank& self = ranks_[static_cast<std::size_t>(rank)];
  std::unique_lock lock(mutex_);
  self.waits_for.push_back(&queue);
  const auto waits_no_more = [&] { self.waits_for.erase(std::ranges::find(self.waits_for, &queue)); };
  while (queue.empty()) {
    if (const std::string why = why_in_vain(rank, from); !why.empty()) {
      waits_no_more();
      throw LinkFailure(why);
    }
    self.wake.wait(lock);
  }
  waits_no_more();
  Message message = std::move(queue.front());
  queue.pop_front();
  return message;
}

// Only the rank that finds that all wait says so; it fails of that, and wakes the others.
std::string ThreadHub::why_in_vain(int rank, int from) const {
  if (failure_) return "rank " + std::to_string(failure_->rank) + " failed";
  if (ranks_[static_cast<std::size_t>(from)].ended)
    return "rank " + std::to_string(from) + " has ended, and sent less than was waited for";
  const auto stuck = [](const Rank& r) {
    const auto waiting = std::ranges::count_if(r.waits_for, [](const Queue* queue) { return queue->empty(); });
    return r.ended || (waiting > 0 && waiting >= r.talkers);
  };
  if (std::ranges::all_of(ranks_, stuck))
    return "all ranks wait; rank " + std::to_string(rank) + " for rank " + std::to_string(from);
  return "";
}

void ThreadHub::add_talkers(int rank, int change) {
  const std::lock_guard lock(mutex_);
  ranks_[static_cast<std::size_t>(rank)].talkers += change;
  if (change < 0) wake_all();  // the rest of them may wait in vain
}

void ThreadHub::ended(int rank) {
  const std::lock_guard lock(mutex_);
  ranks_[static_cast<std::size_t>(rank)].ended = true;
  wake_all();
}

void ThreadHub::failed(int rank, const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = Failure{rank, what};
  ranks_[static_cast<std::size_t>(rank)].ended = true;
  wake_all();
}

std::optional<ThreadHub::Failure> ThreadHub::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void ThreadHub::wake_all() {
  for (Rank& rank : ranks_) rank.wake.notify_all();
}

namespace {

class ThreadLinks final : public Links {
 public:
  ThreadLinks(std::shared_ptr<ThreadHub> hub, int rank_in_run, const std::vector<int>& ranks)
      : hub_(std::move(hub)),
        group_(hub_->group(rank_in_run, ranks)),
        in_run_(rank_in_run),
        rank_(static_cast<int>(std::ranges::find(ranks, rank_in_run) - ranks.begin())) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(group_->ranks.size()); }
  [[nodiscard]] int rank_in_run() const override { return in_run_; }

  Message message(std::int64_t bytes) override { return {hub_->pool(), bytes}; }
  void send(int to, Message message) override { hub_->put(queue(rank_, to), in_run(to), std::move(message)); }
  Message receive(int from, std::int64_t bytes) override {
    Message message = hub_->take(queue(from, rank_), in_run_, in_run(from));
    if (message.size() != bytes) {
      throw LinkFailure("rank " + std::to_string(in_run(from)) + " sent " + std::to_string(message.size()) +
                        " B where " + std::to_string(bytes) + " B were waited for");
    }
    return message;
  }
  void add_talkers(int change) override { hub_->add_talkers(in_run_, change); }
  void give_up(const std::string& why) override { hub_->failed(in_run_, why); }
  std::unique_ptr<Links> group(std::span<const int> members) override {
    std::vector<int> ranks;
    for (const int member : members) ranks.push_back(in_run(member));
    return make_thread_links(hub_, in_run_, ranks);
  }

 private:
  [[nodiscard]] int in_run(int member) const { return group_->ranks[static_cast<std::size_t>(member)]; }
  [[nodiscard]] ThreadHub::Queue& queue(int from, int to) const {
    return group_->queues[static_cast<std::size_t>(from) * group_->ranks.size() + static_cast<std::size_t>(to)];
  }

  std::shared_ptr<ThreadHub> hub_;
  std::shared_ptr<ThreadHub::Group> group_;
  int in_run_, rank_;
};

}  // namespace

std::unique_ptr<Links> make_thread_links(std::shared_ptr<ThreadHub> hub, int rank, const std::vector<int>& ranks) {
  return std::make_unique<ThreadLinks>(std::move(hub), rank, ranks);
}

}  // namespace forerun

// What NCCL's calls make a communicator of: shards of different sizes, groups of one, messages to oneself, counts,
// errors with their place.
#include "runtime/communication/nccl_communicator.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <random>
#include <utility>
#include <vector>

#include "runtime/communication/element_parts.hpp"
#include "runtime/communication/links.hpp"
#include "runtime/communication/nccl_calls.hpp"
#include "runtime/communication/ring_count.hpp"

namespace forerun {
namespace {

template <class T>
std::vector<T> exchanged(Communicator& host, T mine) {
  std::vector<T> all(static_cast<std::size_t>(host.size()));
  const auto bytes = [](std::span<T> list) {
    return std::span(reinterpret_cast<std::byte*>(list.data()), list.size_bytes());
  };
  host.all_gather(bytes({&mine, 1}), bytes(all));
  return all;
}

// NCCL's calls of all ranks of this process. A GPU waits for a failed rank for ever, so when one fails all are ended.
class Together {
 public:
  void join(NcclCalls& calls) {
    const std::scoped_lock lock(mutex_);
    calls_.push_back(&calls);
    if (ended_) calls.abort();
  }
  void leave(NcclCalls& calls) {
    const std::scoped_lock lock(mutex_);
    std::erase(calls_, &calls);
  }
  void end() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    for (NcclCalls* calls : calls_) calls->abort();
  }

 private:
  std::mutex mutex_;
  std::vector<NcclCalls*> calls_;
  bool ended_ = false;
};

// One for the ranks of `host` that are threads of one process: that of the first of them.
std::shared_ptr<Together> together(Communicator& host) {
  static const std::uint64_t this_process = (std::uint64_t{std::random_device()()} << 32) |
                                            std::random_device()();  // ids of processes repeat over containers
  struct Of {
    std::uint64_t process;
    const std::shared_ptr<Together>* ranks;
  };
  auto own = std::make_unique<const std::shared_ptr<Together>>(std::make_shared<Together>());
  const std::shared_ptr<Together>* shown =
      own.release();  // left there where the others may still read it, as this rank fails
  const std::vector<Of> all = exchanged(host, Of{this_process, shown});
  std::shared_ptr<Together> ranks = *std::ranges::find(all, this_process, &Of::process)->ranks;
  host.barrier();  // all have it
  own.reset(shown);
  return ranks;
}

class NcclCommunicator final : public Communicator {
 public:
  // What all groups of a rank share.
  struct OfRank {
    NcclStart start;
    Backend& on;
    int in_run;
    std::shared_ptr<Together> together;
  };

  NcclCommunicator(std::shared_ptr<const OfRank> rank, std::unique_ptr<Communicator> owned, Communicator& host)
      : of_rank_(std::move(rank)),
        owned_(std::move(owned)),
        host_(host),
        on_(of_rank_->on),
        rank_(host.rank()),
        size_(host.size()) {
    if (size_ == 1) return;
    guarded("start of NCCL", {}, [&] { calls_ = of_rank_->start(host_); });
    of_rank_->together->join(*calls_);
  }
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;
  ~NcclCommunicator() override {
    if (std::uncaught_exceptions() > 0)
      of_rank_->together->end();  // the rank fails, and the others' GPUs may wait for it
    if (calls_) of_rank_->together->leave(*calls_);
    for (const Kept& message : to_self_) spare_.push_back(message);
    for (const Kept& memory : spare_) on_.give_back(memory.data, memory.room);
  }

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  [[nodiscard]] bool queues() const override { return true; }
  [[nodiscard]] const CommunicationCounts& counts() const override { return counts_; }

  void all_reduce(Elements whole, Reduction how) override {
    if (size_ == 1) return;
    count(CommunicationKind::all_reduce, ring_count(CommunicationKind::all_reduce, whole, size_, rank_));
    if (whole.count == 0) return;
    guarded("all_reduce", whole, [&] { calls_->all_reduce(whole, how); });
  }

  void reduce_scatter(Elements whole, Elements mine, Reduction how) override {
    if (size_ == 1) return copy(whole, mine);
    count(CommunicationKind::reduce_scatter, ring_count(CommunicationKind::reduce_scatter, whole, size_, rank_));
    if (whole.count == 0) return;
    guarded("reduce_scatter", whole, [&] {
      if (equal_shards(whole)) return calls_->reduce_scatter(whole, mine, how);
      for_each_shard(whole,
                     [&](int rank, Elements shard) { calls_->reduce(shard, rank == rank_ ? mine : shard, how, rank); });
    });
  }

  void all_gather(Elements mine, Elements whole) override {
    if (size_ == 1) return copy(mine, whole);
    count(CommunicationKind::all_gather, ring_count(CommunicationKind::all_gather, whole, size_, rank_));
    if (whole.count == 0) return;
    guarded("all_gather", whole, [&] {
      if (equal_shards(whole)) return calls_->all_gather(mine, whole);
      for_each_shard(whole,
                     [&](int rank, Elements shard) { calls_->broadcast(rank == rank_ ? mine : shard, shard, rank); });
    });
  }

  void all_to_all(Elements send, std::span<const std::int64_t> send_counts, Elements receive,
                  std::span<const std::int64_t> receive_counts) override {
    copy(part_of(send, send_counts, rank_), part_of(receive, receive_counts, rank_));
    if (size_ == 1) return;
    count(CommunicationKind::all_to_all, exchange_count(send, send_counts, rank_));
    guarded("all_to_all", send, [&] {
      calls_->grouped([&] {
        for (int step = 1; step < size_; ++step) {
          const int to = (rank_ + step) % size_, from = (rank_ + size_ - step) % size_;
          const Elements out = part_of(send, send_counts, to), in = part_of(receive, receive_counts, from);
          if (out.count > 0) calls_->send(to, out);
          if (in.count > 0) calls_->receive(from, in);
        }
      });
    });
  }

  void send(int to, Elements tensor) override {
    count(CommunicationKind::send, send_count(tensor));
    if (to == rank_) return keep(tensor);
    if (tensor.count == 0) return;
    guarded("send", tensor, [&] { calls_->send(to, tensor); });
  }

  void receive(int from, Elements tensor) override {
    guarded("receive", tensor, [&] {
      if (from == rank_) return take_kept(tensor);
      if (tensor.count > 0) calls_->receive(from, tensor);
    });
  }

  // In one group: each rank's send would else wait for a receive that stands behind the next rank's send.
  void shift(int to, Elements out, int from, Elements in) override {
    if (to == rank_ || from == rank_) return Communicator::shift(to, out, from, in);
    count(CommunicationKind::send, send_count(out));
    guarded("send", out, [&] {
      calls_->grouped([&] {
        if (out.count > 0) calls_->send(to, out);
        if (in.count > 0) calls_->receive(from, in);
      });
    });
  }

  void barrier() override {
    guarded("barrier", {}, [&] {
      if (calls_) calls_->wait();
    });
    host_.barrier();
  }

  void add_talkers(int change) override { host_.add_talkers(change); }
  void give_up(const std::string& why) override {
    host_.give_up(why);
    of_rank_->together->end();
  }

  std::unique_ptr<Communicator> group(std::span<const int> ranks) override {
    auto host = host_.group(ranks);
    if (!host) return nullptr;
    Communicator& below = *host;
    return std::make_unique<NcclCommunicator>(of_rank_, std::move(host), below);
  }

 private:
  struct Kept {
    void* data = nullptr;
    std::int64_t room = 0, bytes = 0;
  };

  [[nodiscard]] bool equal_shards(const Elements& whole) const { return whole.count % size_ == 0; }
  template <class Work>
  void for_each_shard(const Elements& whole, const Work& work) const {
    calls_->grouped([&] {
      for (int rank = 0; rank < size_; ++rank) {
        const Elements shard = shard_of(whole, size_, rank);
        if (shard.count > 0) work(rank, shard);
      }
    });
  }
  void copy(const Elements& from, const Elements& to) {
    if (from.data != to.data && to.count > 0) on_.copy(from.data, to.data, to.bytes());
  }

  // A message to oneself is not for NCCL, which wants its receive in the same grouping. Memory is used again, in the
  // lane's order: to give it back may wait for all of a GPU's lanes.
  void keep(const Elements& tensor) {
    const auto fits = std::ranges::find_if(spare_, [&](const Kept& memory) { return memory.room >= tensor.bytes(); });
    Kept message;
    if (fits != spare_.end()) {
      message = *fits;
      spare_.erase(fits);
    } else {
      message = {on_.take(tensor.bytes()), tensor.bytes()};
    }
    message.bytes = tensor.bytes();
    on_.copy(tensor.data, message.data, message.bytes);
    to_self_.push_back(message);
  }
  void take_kept(const Elements& to) {
    if (to_self_.empty()) throw LinkFailure("waits for a message of its own that it has not sent");
    const Kept message = to_self_.front();
    if (message.bytes != to.bytes())
      throw LinkFailure("sent itself " + std::to_string(message.bytes) + " B where " + std::to_string(to.bytes()) +
                        " B were waited for");
    to_self_.pop_front();
    on_.copy(message.data, to.data, message.bytes);
    spare_.push_back(message);
  }

  void count(CommunicationKind kind, const CommunicationCount& more) {
    counts_[static_cast<std::size_t>(kind)] += more;
  }

  template <class Work>
  void guarded(std::string_view name, const Elements& tensor, const Work& work) {
    try {
      work();
    } catch (const LinkFailure& failure) {
      throw CommunicationError(of_rank_->in_run, operation_of(name, tensor, size_), failure.what());
    }
  }

  std::shared_ptr<const OfRank> of_rank_;
  std::unique_ptr<Communicator> owned_;
  Communicator& host_;
  Backend& on_;
  int rank_, size_;
  std::unique_ptr<NcclCalls> calls_;  // none among one rank
  CommunicationCounts counts_{};
  std::deque<Kept> to_self_;
  std::vector<Kept> spare_;
};

}  // namespace

std::unique_ptr<Communicator> make_communicator_of(NcclStart start, Communicator& host, Backend& on) {
  auto of_rank = std::make_shared<const NcclCommunicator::OfRank>(
      NcclCommunicator::OfRank{std::move(start), on, host.rank(), together(host)});
  return std::make_unique<NcclCommunicator>(std::move(of_rank), nullptr, host);
}

void refuse_shared_devices(Communicator& host, const std::string& device) {
  using Name = std::array<char, 320>;
  Name mine{};
  device.copy(mine.data(), mine.size() - 1);
  const std::vector<Name> all = exchanged(host, mine);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto same = std::find(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end(), all[i]);
    if (same == all.end()) continue;
    throw std::runtime_error("ranks " + std::to_string(i) + " and " + std::to_string(same - all.begin()) + " share " +
                             all[i].data() +
                             ", and NCCL wants one for each\n  hint: start as many ranks as there are GPUs, or take "
                             "communicators of threads or of MPI, which stage tensors on the host");
  }
}

void refuse_host_memory(const Backend& on) {
  if (on.name() == "cuda") return;
  throw std::runtime_error("NCCL moves tensors of GPUs, and this rank's are on the " + std::string(on.name()) +
                           "\n  hint: take the cuda backend, or communicators of threads or of MPI");
}

}  // namespace forerun

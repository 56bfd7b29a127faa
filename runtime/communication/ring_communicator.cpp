#include "runtime/communication/ring_communicator.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "runtime/communication/element_parts.hpp"
#include "runtime/communication/reduction.hpp"
#include "runtime/communication/ring_count.hpp"

namespace forerun {
namespace {

void copy(Elements from, Elements to) {
  assert(from.bytes() == to.bytes());
  if (from.data != to.data && to.count > 0) std::memcpy(to.data, from.data, static_cast<std::size_t>(to.bytes()));
}

class RingCommunicator final : public Communicator {
 public:
  explicit RingCommunicator(std::unique_ptr<Links> links)
      : links_(std::move(links)), rank_(links_->rank()), size_(links_->size()) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  [[nodiscard]] const CommunicationCounts& counts() const override { return counts_; }

  void all_reduce(Elements whole, Reduction how) override {
    collective(CommunicationKind::all_reduce, whole, [&] {
      for_each_piece(whole, [&](const Cut& cut) {
        Message reduced = scattered(whole, how, cut);
        copy_from(reduced, piece(whole, rank_, cut));
        spread(whole, std::move(reduced), cut);
      });
    });
  }

  void reduce_scatter(Elements whole, Elements mine, Reduction how) override {
    if (size_ == 1) return copy(whole, mine);
    collective(CommunicationKind::reduce_scatter, whole, [&] {
      const std::int64_t first = (shard(whole, rank_).data - whole.data) / whole.element();
      for_each_piece(whole, [&](const Cut& cut) {
        const Elements place = piece(whole, rank_, cut);
        const Elements to = mine.part((place.data - whole.data) / whole.element() - first, place.count);
        copy_from(scattered(whole, how, cut), to);
      });
    });
  }

  void all_gather(Elements mine, Elements whole) override {
    copy(mine, shard(whole, rank_));
    collective(CommunicationKind::all_gather, whole, [&] {
      for_each_piece(whole, [&](const Cut& cut) { spread(whole, filled(piece(whole, rank_, cut)), cut); });
    });
  }

  void all_to_all(Elements send, std::span<const std::int64_t> send_counts, Elements receive,
                  std::span<const std::int64_t> receive_counts) override {
    copy(part_of(send, send_counts, rank_), part_of(receive, receive_counts, rank_));
    collective(CommunicationKind::all_to_all, send, [&] {
      for (int step = 1; step < size_; ++step) post(after(step), filled(part_of(send, send_counts, after(step))));
      for (int step = 1; step < size_; ++step) {
        const Elements to = part_of(receive, receive_counts, after(-step));
        copy_from(links_->receive(after(-step), to.bytes()), to);
      }
    });
  }

  void send(int to, Elements tensor) override {
    guarded("send", tensor, [&] {
      start(CommunicationKind::send, tensor.bytes());
      post(to, filled(tensor));
    });
  }

  void receive(int from, Elements tensor) override {
    guarded("receive", tensor, [&] { copy_from(links_->receive(from, tensor.bytes()), tensor); });
  }

  // After step i, whoever is 2^i before has come (Hensgen et al. 1988). Not counted.
  void barrier() override {
    guarded("barrier", {}, [&] {
      for (int step = 1; step < size_; step *= 2) {
        links_->send(after(step), links_->message(0));
        links_->receive(after(-step), 0);
      }
    });
  }

  void add_talkers(int change) override { links_->add_talkers(change); }
  void give_up(const std::string& why) override { links_->give_up(why); }

  std::unique_ptr<Communicator> group(std::span<const int> ranks) override {
    if (std::ranges::find(ranks, rank_) == ranks.end()) return nullptr;
    return make_ring_communicator(links_->group(ranks));
  }

 private:
  // The two passes of a ring: k - 1 messages to the rank after, each a shard, or a piece of one.

  struct Cut {
    std::int64_t pieces, number;
  };

  template <class Work>
  void for_each_piece(Elements whole, const Work& work) const {
    const std::int64_t pieces = ring_pieces(whole, size_);
    for (std::int64_t number = 0; number < pieces; ++number) work(Cut{pieces, number});
  }
  [[nodiscard]] Elements piece(Elements whole, int rank, const Cut& cut) const {
    const Elements all = shard(whole, rank);
    const Shard of = shard_of(all.count, cut.pieces, cut.number);
    return all.part(of.first, of.count);
  }

  // This rank's piece, reduced. A shard starts at the rank after its own and collects on its way.
  Message scattered(Elements whole, Reduction how, const Cut& cut) {
    Message partial = filled(piece(whole, after(-1), cut));
    for (int step = 1; step < size_; ++step) {
      post(after(1), std::move(partial));
      const Elements own = piece(whole, after(-1 - step), cut);
      partial = links_->receive(after(-1), own.bytes());
      reduce(how, own, {partial.data(), own.count, own.dtype});
    }
    return partial;
  }

  // From each rank's piece to all of them in their places everywhere.
  void spread(Elements whole, Message own, const Cut& cut) {
    Message passing = std::move(own);
    for (int step = 1; step < size_; ++step) {
      post(after(1), std::move(passing));
      const Elements next = piece(whole, after(-step), cut);
      passing = links_->receive(after(-1), next.bytes());
      copy_from(passing, next);
    }
  }

  [[nodiscard]] int after(int steps) const { return ((rank_ + steps) % size_ + size_) % size_; }
  [[nodiscard]] Elements shard(Elements whole, int rank) const { return shard_of(whole, size_, rank); }
  Message filled(Elements from) {
    Message message = links_->message(from.bytes());
    std::copy_n(from.data, from.bytes(), message.data());
    return message;
  }
  static void copy_from(const Message& message, Elements to) {
    assert(message.size() == to.bytes());
    std::copy_n(message.data(), to.bytes(), to.data);
  }

  void start(CommunicationKind kind, std::int64_t api_bytes) {
    counting_ = &counts_[static_cast<std::size_t>(kind)];
    ++counting_->calls;
    counting_->api_bytes += api_bytes;
  }
  void post(int to, Message message) {
    ++counting_->messages;
    counting_->wire_bytes += message.size();
    links_->send(to, std::move(message));
  }

  template <class Work>
  void collective(CommunicationKind kind, Elements whole, const Work& work) {
    if (size_ == 1) return;
    guarded(to_string(kind), whole, [&] {
      start(kind, whole.bytes());
      work();
    });
  }

  template <class Work>
  void guarded(std::string_view name, Elements tensor, const Work& work) {
    try {
      work();
    } catch (const LinkFailure& failure) {
      throw CommunicationError(links_->rank_in_run(), operation_of(name, tensor, size_), failure.what());
    }
  }

  std::unique_ptr<Links> links_;
  int rank_, size_;
  CommunicationCounts counts_{};
  CommunicationCount* counting_ = nullptr;
};

}  // namespace

std::unique_ptr<Communicator> make_ring_communicator(std::unique_ptr<Links> links) {
  return std::make_unique<RingCommunicator>(std::move(links));
}

}  // namespace forerun

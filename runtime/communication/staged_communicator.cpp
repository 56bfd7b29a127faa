#include "runtime/communication/staged_communicator.hpp"

#include <utility>
#include <vector>

namespace forerun {
namespace {

class StagedCommunicator final : public Communicator {
 public:
  StagedCommunicator(std::unique_ptr<Communicator> owned, Communicator& host, Backend& on)
      : owned_(std::move(owned)), host_(host), on_(on) {}

  [[nodiscard]] int rank() const override { return host_.rank(); }
  [[nodiscard]] int size() const override { return host_.size(); }
  [[nodiscard]] const CommunicationCounts& counts() const override { return host_.counts(); }

  void all_reduce(Elements whole, Reduction how) override {
    if (size() == 1) return;
    const Elements staged = fetched(whole, first_);
    host_.all_reduce(staged, how);
    store(staged, whole);
  }

  // `mine` has a place of its own on the host, whether it lies in `whole` or not: the rest of `whole` stays as it is.
  void reduce_scatter(Elements whole, Elements mine, Reduction how) override {
    if (size() == 1) return copy(whole, mine);
    const Elements result = room_for(mine, second_);
    host_.reduce_scatter(fetched(whole, first_), result, how);
    store(result, mine);
  }

  void all_gather(Elements mine, Elements whole) override {
    if (size() == 1) return copy(mine, whole);
    const Elements result = room_for(whole, second_);
    host_.all_gather(fetched(mine, first_), result);
    store(result, whole);
  }

  void all_to_all(Elements send, std::span<const std::int64_t> send_counts, Elements receive,
                  std::span<const std::int64_t> receive_counts) override {
    if (size() == 1) return copy(send, receive);
    const Elements result = room_for(receive, second_);
    host_.all_to_all(fetched(send, first_), send_counts, result, receive_counts);
    store(result, receive);
  }

  void send(int to, Elements tensor) override { host_.send(to, fetched(tensor, first_)); }
  void receive(int from, Elements tensor) override {
    const Elements result = room_for(tensor, first_);
    host_.receive(from, result);
    store(result, tensor);
  }

  void barrier() override { host_.barrier(); }
  void add_talkers(int change) override { host_.add_talkers(change); }
  void give_up(const std::string& why) override { host_.give_up(why); }

  std::unique_ptr<Communicator> group(std::span<const int> ranks) override {
    auto host = host_.group(ranks);
    return host ? make_staged_communicator(std::move(host), on_) : nullptr;
  }

 private:
  using Memory = std::vector<std::byte>;  // kept from call to call, at its largest

  static Elements room_for(const Elements& tensor, Memory& in) {
    const auto bytes = static_cast<std::size_t>(tensor.bytes());
    if (in.size() < bytes) in = Memory(bytes);
    return {in.data(), tensor.count, tensor.dtype};
  }
  Elements fetched(const Elements& tensor, Memory& to) {
    const Elements staged = room_for(tensor, to);
    on_.get(tensor.data, staged.data, tensor.bytes());
    return staged;
  }
  void store(const Elements& staged, const Elements& to) { on_.put(staged.data, to.data, to.bytes()); }
  void copy(const Elements& from, const Elements& to) {
    if (from.data != to.data) on_.copy(from.data, to.data, to.bytes());
  }

  std::unique_ptr<Communicator> owned_;
  Communicator& host_;
  Backend& on_;
  Memory first_, second_;
};

}  // namespace

std::unique_ptr<Communicator> make_staged_communicator(Communicator& host, Backend& on) {
  return std::make_unique<StagedCommunicator>(nullptr, host, on);
}

std::unique_ptr<Communicator> make_staged_communicator(std::unique_ptr<Communicator> host, Backend& on) {
  Communicator& below = *host;
  return std::make_unique<StagedCommunicator>(std::move(host), below, on);
}

}  // namespace forerun

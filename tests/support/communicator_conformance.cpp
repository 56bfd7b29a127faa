#include "tests/support/communicator_conformance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "base/shard_sizes.hpp"
#include "costmodel/collectives/collective.hpp"
#include "runtime/communication/element_parts.hpp"

namespace forerun::test {
namespace {

using std::span;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("not so: " + what);
}

constexpr std::int64_t sizes[] = {0, 1, 2, 3, 7, 64, 1000, 150'001};  // of the last, a shard goes in several pieces
constexpr std::int64_t piece = 128 << 10;        // bytes

// What rank r brings: numbers whose sums depend on their order in the last bits.
template <class T>
std::vector<T> brought(int rank, std::int64_t n) {
  std::vector<T> list(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i] = static_cast<T>(static_cast<float>((i * 7919 + static_cast<std::size_t>(rank) * 104'729) % 1009) / 1009.f -
                             0.5f);
  }
  return list;
}

template <class T>
T reduced(Reduction how, T a, T b) {
  using A = Arithmetic<T>;
  return how == Reduction::sum ? static_cast<T>(A(a) + A(b)) : A(a) < A(b) ? b : a;
}

// Shard s is x[s+1] + ... + x[s], from the left, as communicator.hpp says.
template <class T>
std::vector<T> reduced(Reduction how, int ranks, std::int64_t n) {
  std::vector<std::vector<T>> all;
  for (int rank = 0; rank < ranks; ++rank) all.push_back(brought<T>(rank, n));
  std::vector<T> result(static_cast<std::size_t>(n));
  for (int s = 0; s < ranks; ++s) {
    const Shard of = shard_of(n, ranks, s);
    for (auto i = static_cast<std::size_t>(of.first); i < static_cast<std::size_t>(of.first + of.count); ++i) {
      const auto from = [&](int step) { return all[static_cast<std::size_t>((s + step) % ranks)][i]; };
      result[i] = from(1);
      for (int step = 2; step <= ranks; ++step) result[i] = reduced(how, result[i], from(step));
    }
  }
  return result;
}

// A tensor in the backend's memory, there until all that is in line is done.
template <class T>
class Tensor {
 public:
  Tensor(Backend& on, const std::vector<T>& list)
      : on_(on), size_(std::ssize(list)), data_(static_cast<T*>(on.take(taken()))) {
    put(list);
  }
  Tensor(Backend& on, std::int64_t n) : Tensor(on, std::vector<T>(static_cast<std::size_t>(n))) {}
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  ~Tensor() {
    try {
      on_.finish();
    } catch (...) {  // NOLINT(bugprone-empty-catch): who reads the tensor gets it, too
    }
    on_.give_back(data_, taken());
  }

  [[nodiscard]] Elements elements() const { return span(data_, static_cast<std::size_t>(size_)); }
  [[nodiscard]] Elements shard(const Communicator& c) const { return shard_of(elements(), c.size(), c.rank()); }
  void put(const std::vector<T>& list) { on_.put(list.data(), data_, bytes()); }
  [[nodiscard]] std::vector<T> list() const {
    std::vector<T> list(static_cast<std::size_t>(size_));
    on_.get(data_, list.data(), bytes());
    return list;
  }

 private:
  [[nodiscard]] std::int64_t bytes() const { return size_ * static_cast<std::int64_t>(sizeof(T)); }
  [[nodiscard]] std::int64_t taken() const { return std::max<std::int64_t>(bytes(), 1); }

  Backend& on_;
  std::int64_t size_;
  T* data_;
};

template <class T>
std::vector<T> shard(const std::vector<T>& whole, const Communicator& c) {
  const Shard of = shard_of(std::ssize(whole), c.size(), c.rank());
  return {whole.begin() + of.first, whole.begin() + of.first + of.count};
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::ranges::equal(as_bytes(span(a)), as_bytes(span(b)));
}

// To the bit; in another order, k - 1 roundings of partial sums of k numbers of at most 1/2, twice.
template <class T>
bool agree(const std::vector<T>& a, const std::vector<T>& b, Reduction how, const Communicator& c) {
  if (how == Reduction::largest || !c.queues()) return same(a, b);
  const double unit = std::is_same_v<T, BFloat16> ? 0x1p-8 : static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;
  return std::ranges::equal(a, b, [&](T x, T y) {
    return std::abs(static_cast<double>(x) - static_cast<double>(y)) <= unit * (c.size() - 1) * c.size();
  });
}

template <class T>
void reduces(Communicator& c, Backend& on) {
  for (const Reduction how : {Reduction::sum, Reduction::largest}) {
    for (const std::int64_t n : sizes) {
      const std::vector<T> expected = reduced<T>(how, c.size(), n), mine = brought<T>(c.rank(), n);
      const std::string what = std::to_string(n) + " elements";
      Tensor<T> whole(on, mine);
      c.all_reduce(whole.elements(), how);
      require(agree(whole.list(), expected, how, c), "all_reduce of " + what + " is the ring's sum");

      whole.put(mine);
      const std::vector<T> own = shard(expected, c);
      const Tensor<T> result(on, std::ssize(own));
      c.reduce_scatter(whole.elements(), result.elements(), how);
      require(agree(result.list(), own, how, c), "reduce_scatter of " + what + " is this rank's shard of it");
      require(same(whole.list(), mine), "reduce_scatter leaves what it reads");
      c.reduce_scatter(whole.elements(), whole.shard(c), how);
      require(agree(shard(whole.list(), c), own, how, c), "reduce_scatter into its place");
    }
  }
}

template <class T>
void gathers(Communicator& c, Backend& on) {
  for (const std::int64_t n : sizes) {
    const std::vector<T> expected = brought<T>(99, n);
    const Tensor<T> source(on, expected), whole(on, n);
    c.all_gather(source.shard(c), whole.elements());
    require(same(whole.list(), expected), "all_gather of " + std::to_string(n));
    std::vector<T> own(expected.size());
    std::ranges::copy(shard(expected, c), own.begin() + shard_of(n, c.size(), c.rank()).first);
    const Tensor<T> in_place(on, own);
    c.all_gather(in_place.shard(c), in_place.elements());
    require(same(in_place.list(), expected), "all_gather in place");
  }
}

// Rank r sends (r + 1)(j + 2) % 5 * 3 elements to rank j, each of them 100 r + j.
void exchanges(Communicator& c, Backend& on) {
  const auto amount = [](int from, int to) { return std::int64_t{(from + 1) * (to + 2) % 5 * 3}; };
  std::vector<std::int64_t> send_counts, receive_counts;
  std::vector<double> send, expected;
  for (int peer = 0; peer < c.size(); ++peer) {
    send_counts.push_back(amount(c.rank(), peer));
    receive_counts.push_back(amount(peer, c.rank()));
    send.insert(send.end(), static_cast<std::size_t>(send_counts.back()), 100 * c.rank() + peer);
    expected.insert(expected.end(), static_cast<std::size_t>(receive_counts.back()), 100 * peer + c.rank());
  }
  const Tensor<double> sent(on, send), received(on, std::ssize(expected));
  c.all_to_all(sent.elements(), send_counts, received.elements(), receive_counts);
  require(received.list() == expected, "all_to_all of uneven parts");
  if (c.size() == 1) return;
  const CommunicationCount& count = c.counts()[static_cast<std::size_t>(CommunicationKind::all_to_all)];
  const std::int64_t kept = send_counts[static_cast<std::size_t>(c.rank())];
  require(count == CommunicationCount{1, c.size() - 1, std::ssize(send) * 8, (std::ssize(send) - kept) * 8},
          "all_to_all sends all but its own part");
}

// Everyone sends to all, itself too, before anyone receives: sends do not wait for receives. Large ones neither.
void sends_wait_for_nobody(Communicator& c, Backend& on) {
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{3}, std::int64_t{300'000}}) {
    const auto filled = [&](int x) { return std::vector<float>(static_cast<std::size_t>(n), static_cast<float>(x)); };
    for (int round = 0; round < 3; ++round) {
      for (int to = 0; to < c.size(); ++to) {
        Tensor<float> message(on, filled(100 * c.rank() + 10 * to + round));
        c.send(to, message.elements());
        message.put(filled(-1));  // it is on its way
      }
    }
    for (int from = c.size() - 1; from >= 0; --from) {
      for (int round = 0; round < 3; ++round) {
        const Tensor<float> message(on, n);
        c.receive(from, message.elements());
        require(message.list() == filled(100 * from + 10 * c.rank() + round), "messages of a rank arrive in order");
      }
    }
  }
  const CommunicationCount& count = c.counts()[static_cast<std::size_t>(CommunicationKind::send)];
  const std::int64_t bytes = 3 * c.size() * 300'003 * 4;
  require(count == CommunicationCount{9 * c.size(), 9 * c.size(), bytes, bytes}, "sends are counted");
}

// Round the ring, where those of even rank send while the others receive: nobody waits for ever, even where sends wait.
// All at once to the next rank, as rings do.
void shifts(Communicator& c, Backend& on) {
  const int next = (c.rank() + 1) % c.size(), before = (c.rank() + c.size() - 1) % c.size();
  for (const int n : {0, 3, 300'000, 5}) {
    const Tensor<double> out(on, std::vector<double>(static_cast<std::size_t>(n), c.rank())), in(on, std::int64_t{n});
    c.shift(next, out.elements(), before, in.elements());
    require(same(in.list(), std::vector<double>(static_cast<std::size_t>(n), before)),
            "what came from the rank before");
  }
}

void sends_in_turn(Communicator& c, Backend& on) {
  const int next = (c.rank() + 1) % c.size(), before = (c.rank() + c.size() - 1) % c.size();
  constexpr std::int64_t lengths[] = {0, 3, 300'000, 5};
  const auto filled = [&](int from, std::int64_t n) {
    return std::vector<double>(static_cast<std::size_t>(n), 10 * from + static_cast<double>(n % 7));
  };
  const auto send = [&] {
    for (const std::int64_t n : lengths) {
      Tensor<double> message(on, filled(c.rank(), n));
      c.send(next, message.elements());
      message.put(filled(99, n));
    }
  };
  if (c.rank() % 2 == 0) send();
  for (const std::int64_t n : lengths) {
    const Tensor<double> message(on, n);
    c.receive(before, message.elements());
    require(message.list() == filled(before, n), "messages round the ring arrive in order");
  }
  if (c.rank() % 2 != 0) send();
  const CommunicationCount& count = c.counts()[static_cast<std::size_t>(CommunicationKind::send)];
  require(count == CommunicationCount{4, 4, 300'008 * 8, 300'008 * 8}, "sends in turn are counted");
}

void bytes_are_bytes(Communicator& c, Backend& on) {
  const Tensor<std::byte> whole(on, c.size() * 3),
      mine(on, std::vector<std::byte>(3, static_cast<std::byte>(c.rank() + 1)));
  c.all_gather(mine.elements(), whole.elements());
  const std::vector<std::byte> list = whole.list();
  for (std::size_t i = 0; i < list.size(); ++i)
    require(list[i] == static_cast<std::byte>(i / 3 + 1), "all_gather of bytes");
}

// The two halves, in each of which the order is turned around.
void groups_are_apart(Communicator& c, Backend& on) {
  const int half = (c.size() + 1) / 2;
  std::vector<int> low(static_cast<std::size_t>(half)), high;
  std::iota(low.rbegin(), low.rend(), 0);
  for (int rank = c.size() - 1; rank >= half; --rank) high.push_back(rank);
  const auto in_low = c.group(low);
  const auto in_high = high.empty() ? nullptr : c.group(high);
  require((in_low != nullptr) == (c.rank() < half) && (in_high != nullptr) == (c.rank() >= half),
          "only members get a group");
  Communicator& mine = in_low ? *in_low : *in_high;
  const std::vector<int>& members = in_low ? low : high;
  require(members[static_cast<std::size_t>(mine.rank())] == c.rank() && mine.size() == std::ssize(members),
          "members have the order of the list");

  const Tensor<double> sum(on, std::vector<double>{static_cast<double>(c.rank())});
  mine.all_reduce(sum.elements(), Reduction::sum);
  require(sum.list()[0] == std::accumulate(members.begin(), members.end(), 0), "a group sums its own");
  if (mine.size() > 1) {
    require(mine.counts()[static_cast<std::size_t>(CommunicationKind::all_reduce)].calls == 1,
            "a group counts its own");
    require(c.counts() == CommunicationCounts{}, "and not its parent's");
  }
}

// Two groups of all, two lanes between the same ranks: what comes first on one does not pass for what comes on the
// other.
void messages_of_groups_are_apart(Communicator& c, Backend& on) {
  std::vector<int> all(static_cast<std::size_t>(c.size()));
  std::iota(all.begin(), all.end(), 0);
  const auto second = c.group(all), third = c.group(all);
  const Tensor<double> two(on, std::vector<double>{2}), three(on, std::vector<double>{3}), got(on, 1);
  const int next = (c.rank() + 1) % c.size(), before = (c.rank() + c.size() - 1) % c.size();
  second->send(next, two.elements());
  third->send(next, three.elements());
  third->receive(before, got.elements());
  require(got.list()[0] == 3, "messages of two groups do not meet");
  second->receive(before, got.elements());
  require(got.list()[0] == 2, "and none is lost");
}

void barriers_hold(Communicator& c, Backend&) {
  for (int round = 0; round < 20; ++round) c.barrier();
  require(c.counts() == CommunicationCounts{}, "barriers are not counted");
}

// Wire bytes of the rank that sends most are what the cost model says a ring's busiest rank sends.
void bytes_are_promised(Communicator& c, Backend& on) {
  const std::vector<std::pair<CommunicationKind, CollectiveKind>> kinds{
      {CommunicationKind::all_reduce, CollectiveKind::all_reduce},
      {CommunicationKind::all_gather, CollectiveKind::all_gather},
      {CommunicationKind::reduce_scatter, CollectiveKind::reduce_scatter}};
  std::vector<int> all(static_cast<std::size_t>(c.size()));
  std::iota(all.begin(), all.end(), 0);
  for (const std::int64_t n : sizes) {
    const auto group = c.group(all);
    const Tensor<float> whole(on, n), mine(on, shard_of(n, c.size(), c.rank()).count);
    group->all_reduce(whole.elements(), Reduction::sum);
    group->all_gather(mine.elements(), whole.elements());
    group->reduce_scatter(whole.elements(), mine.elements(), Reduction::sum);
    for (const auto& [counted, promised] : kinds) {
      const CommunicationCount& count = group->counts()[static_cast<std::size_t>(counted)];
      const Tensor<double> most(on, std::vector<double>{static_cast<double>(count.wire_bytes)});
      c.all_reduce(most.elements(), Reduction::largest);
      const std::string what = std::string(to_string(counted)) + " of " + std::to_string(n) + " fp32";
      require(most.list()[0] == wire_bytes(promised, n, size_of(DType::fp32), c.size()).value(), what + ": wire bytes");
      if (c.size() == 1) continue;
      const std::int64_t pieces = std::max<std::int64_t>(1, (shard_sizes(n, c.size()).largest * 4 + piece - 1) / piece);
      const std::int64_t steps = pieces * (c.size() - 1) * (counted == CommunicationKind::all_reduce ? 2 : 1);
      require(count.calls == 1 && count.messages == steps && count.api_bytes == 4 * n,
              what + ": calls, messages, API bytes");
    }
  }
}

}  // namespace

const std::vector<CommunicatorCase>& communicator_cases() {
  static const std::vector<CommunicatorCase> cases{
      {"ReducesFp64", reduces<double>},       {"ReducesFp32", reduces<float>},
      {"ReducesBf16", reduces<BFloat16>},     {"GathersFp64", gathers<double>},
      {"GathersBf16", gathers<BFloat16>},     {"ExchangesUnevenParts", exchanges},
      {"MovesBytes", bytes_are_bytes},        {"ShiftsRoundARing", shifts},
      {"SendsInTurn", sends_in_turn},         {"SendsWithoutWaiting", sends_wait_for_nobody, true},
      {"KeepsGroupsApart", groups_are_apart}, {"KeepsMessagesOfGroupsApart", messages_of_groups_are_apart, true},
      {"HoldsBarriers", barriers_hold},       {"SendsTheBytesPromised", bytes_are_promised},
  };
  return cases;
}

void run_on_host(const CommunicatorCase& what, Communicator& c) {
  const auto on = make_cpu_backend();
  what.run(c, *on);
}

}  // namespace forerun::test

#include "tests/support/communicator_conformance.hpp"

#include <algorithm>
#include <numeric>

#include "base/shard_sizes.hpp"
#include "costmodel/collective.hpp"

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
std::vector<T> reduced(Reduction how, int ranks, std::int64_t n, std::int64_t row) {
  std::vector<std::vector<T>> all;
  for (int rank = 0; rank < ranks; ++rank) all.push_back(brought<T>(rank, n));
  std::vector<T> result(static_cast<std::size_t>(n));
  for (int s = 0; s < ranks; ++s) {
    const Shard of = shard_of(n / row, ranks, s);
    for (auto i = static_cast<std::size_t>(of.first * row); i < static_cast<std::size_t>((of.first + of.count) * row);
         ++i) {
      const auto from = [&](int step) { return all[static_cast<std::size_t>((s + step) % ranks)][i]; };
      result[i] = from(1);
      for (int step = 2; step <= ranks; ++step) result[i] = reduced(how, result[i], from(step));
    }
  }
  return result;
}

template <class T>
bool same(span<const T> a, span<const T> b) {
  return std::ranges::equal(as_bytes(a), as_bytes(b));
}
template <class T>
span<T> shard(std::vector<T>& whole, const Communicator& c, std::int64_t row) {
  const Shard of = shard_of(std::ssize(whole) / row, c.size(), c.rank());
  return span(whole).subspan(static_cast<std::size_t>(of.first * row), static_cast<std::size_t>(of.count * row));
}

template <class T>
void reduces(Communicator& c) {
  for (const Reduction how : {Reduction::sum, Reduction::largest}) {
    for (const std::int64_t rows : sizes) {
      for (const std::int64_t row : {1, 5}) {
        const std::int64_t n = rows / row * row;
        const std::vector<T> expected = reduced<T>(how, c.size(), n, row), mine = brought<T>(c.rank(), n);
        const std::string what = std::to_string(n) + " elements in rows of " + std::to_string(row);
        std::vector<T> whole = mine;
        c.all_reduce(span(whole), how, row);
        require(same<T>(whole, expected), "all_reduce of " + what + " is the ring's sum, to the bit");

        whole = mine;
        std::vector<T> all = expected;
        const span<T> own = shard(all, c, row);
        std::vector<T> result(own.size());
        c.reduce_scatter(span(whole), span(result), how, row);
        require(same<T>(result, own), "reduce_scatter of " + what + " is this rank's shard of it");
        require(same<T>(whole, mine), "reduce_scatter leaves what it reads");
        c.reduce_scatter(span(whole), shard(whole, c, row), how, row);
        require(same<T>(shard(whole, c, row), own), "reduce_scatter into its place");
      }
    }
  }
}

template <class T>
void gathers(Communicator& c) {
  for (const std::int64_t rows : sizes) {
    for (const std::int64_t row : {1, 5}) {
      const std::vector<T> expected = brought<T>(99, rows / row * row);
      std::vector<T> source = expected, whole(expected.size());
      c.all_gather(shard(source, c, row), span(whole), row);
      require(same<T>(whole, expected), "all_gather of " + std::to_string(whole.size()));
      std::vector<T> in_place(expected.size());
      std::ranges::copy(shard(source, c, row), shard(in_place, c, row).begin());
      c.all_gather(shard(in_place, c, row), span(in_place), row);
      require(same<T>(in_place, expected), "all_gather in place");
    }
  }
}

// Rank r sends (r + 1)(j + 2) % 5 * 3 elements to rank j, each of them 100 r + j.
void exchanges(Communicator& c) {
  const auto amount = [](int from, int to) { return std::int64_t{(from + 1) * (to + 2) % 5 * 3}; };
  std::vector<std::int64_t> send_counts, receive_counts;
  std::vector<double> send, expected;
  for (int peer = 0; peer < c.size(); ++peer) {
    send_counts.push_back(amount(c.rank(), peer));
    receive_counts.push_back(amount(peer, c.rank()));
    send.insert(send.end(), static_cast<std::size_t>(send_counts.back()), 100 * c.rank() + peer);
    expected.insert(expected.end(), static_cast<std::size_t>(receive_counts.back()), 100 * peer + c.rank());
  }
  std::vector<double> received(expected.size());
  c.all_to_all(span(send), send_counts, span(received), receive_counts);
  require(received == expected, "all_to_all of uneven parts");
  if (c.size() == 1) return;
  const CommunicationCount& count = c.counts()[static_cast<std::size_t>(CommunicationKind::all_to_all)];
  const std::int64_t kept = send_counts[static_cast<std::size_t>(c.rank())];
  require(count == CommunicationCount{1, c.size() - 1, std::ssize(send) * 8, (std::ssize(send) - kept) * 8},
          "all_to_all sends all but its own part");
}

// Everyone sends to all, itself too, before anyone receives: sends do not wait for receives. Large ones neither.
void sends_wait_for_nobody(Communicator& c) {
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{3}, std::int64_t{300'000}}) {
    for (int round = 0; round < 3; ++round) {
      for (int to = 0; to < c.size(); ++to) {
        std::vector<float> message(static_cast<std::size_t>(n), static_cast<float>(100 * c.rank() + 10 * to + round));
        c.send(to, span(message));
        std::ranges::fill(message, -1.f);  // it is on its way
      }
    }
    for (int from = c.size() - 1; from >= 0; --from) {
      for (int round = 0; round < 3; ++round) {
        std::vector<float> message(static_cast<std::size_t>(n));
        c.receive(from, span(message));
        const auto expected = static_cast<float>(100 * from + 10 * c.rank() + round);
        require(std::ranges::all_of(message, [&](float x) { return x == expected; }),
                "messages of a rank arrive in order");
      }
    }
  }
  const CommunicationCount& count = c.counts()[static_cast<std::size_t>(CommunicationKind::send)];
  const std::int64_t bytes = 3 * c.size() * 300'003 * 4;
  require(count == CommunicationCount{9 * c.size(), 9 * c.size(), bytes, bytes}, "sends are counted");
}

void bytes_are_bytes(Communicator& c) {
  std::vector<std::byte> whole(static_cast<std::size_t>(c.size()) * 3), mine(3, static_cast<std::byte>(c.rank() + 1));
  c.all_gather(span(mine), span(whole));
  for (std::size_t i = 0; i < whole.size(); ++i)
    require(whole[i] == static_cast<std::byte>(i / 3 + 1), "all_gather of bytes");
}

// The two halves, in each of which the order is turned around, and a group of all made a second time.
void groups_are_apart(Communicator& c) {
  const int half = (c.size() + 1) / 2;
  std::vector<int> low(static_cast<std::size_t>(half)), high, all(static_cast<std::size_t>(c.size()));
  std::iota(low.rbegin(), low.rend(), 0);
  for (int rank = c.size() - 1; rank >= half; --rank) high.push_back(rank);
  std::iota(all.begin(), all.end(), 0);
  const auto in_low = c.group(low), second = c.group(all), third = c.group(all);
  const auto in_high = high.empty() ? nullptr : c.group(high);
  require((in_low != nullptr) == (c.rank() < half) && (in_high != nullptr) == (c.rank() >= half),
          "only members get a group");
  Communicator& mine = in_low ? *in_low : *in_high;
  const std::vector<int>& members = in_low ? low : high;
  require(members[static_cast<std::size_t>(mine.rank())] == c.rank() && mine.size() == std::ssize(members),
          "members have the order of the list");

  std::vector<double> sum{static_cast<double>(c.rank())};
  mine.all_reduce(span(sum), Reduction::sum);
  require(sum[0] == std::accumulate(members.begin(), members.end(), 0), "a group sums its own");

  // Two lanes between the same ranks: what comes first on one does not pass for what comes on the other.
  std::vector<double> two{2}, three{3}, got{0};
  const int next = (c.rank() + 1) % c.size(), before = (c.rank() + c.size() - 1) % c.size();
  second->send(next, span(two));
  third->send(next, span(three));
  third->receive(before, span(got));
  require(got[0] == 3, "messages of two groups do not meet");
  second->receive(before, span(got));
  require(got[0] == 2, "and none is lost");
  if (mine.size() > 1) {
    require(mine.counts()[static_cast<std::size_t>(CommunicationKind::all_reduce)].calls == 1,
            "a group counts its own");
    require(c.counts() == CommunicationCounts{}, "and not its parent's");
  }
}

void barriers_hold(Communicator& c) {
  for (int round = 0; round < 20; ++round) c.barrier();
  require(c.counts() == CommunicationCounts{}, "barriers are not counted");
}

// Wire bytes of the rank that sends most are what the cost model says a ring's busiest rank sends.
void bytes_are_promised(Communicator& c) {
  const std::vector<std::pair<CommunicationKind, CollectiveKind>> kinds{
      {CommunicationKind::all_reduce, CollectiveKind::all_reduce},
      {CommunicationKind::all_gather, CollectiveKind::all_gather},
      {CommunicationKind::reduce_scatter, CollectiveKind::reduce_scatter}};
  std::vector<int> all(static_cast<std::size_t>(c.size()));
  std::iota(all.begin(), all.end(), 0);
  for (const std::int64_t n : sizes) {
    const auto group = c.group(all);
    std::vector<float> whole(static_cast<std::size_t>(n)),
        mine(static_cast<std::size_t>(shard_of(n, c.size(), c.rank()).count));
    group->all_reduce(span(whole), Reduction::sum);
    group->all_gather(span(mine), span(whole));
    group->reduce_scatter(span(whole), span(mine), Reduction::sum);
    for (const auto& [counted, promised] : kinds) {
      const CommunicationCount& count = group->counts()[static_cast<std::size_t>(counted)];
      std::vector<double> most{static_cast<double>(count.wire_bytes)};
      c.all_reduce(span(most), Reduction::largest);
      const std::string what = std::string(to_string(counted)) + " of " + std::to_string(n) + " fp32";
      require(most[0] == wire_bytes(promised, n, size_of(DType::fp32), c.size()).value(), what + ": wire bytes");
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
      {"ReducesFp64", reduces<double>},
      {"ReducesFp32", reduces<float>},
      {"ReducesBf16", reduces<BFloat16>},
      {"GathersFp64", gathers<double>},
      {"GathersBf16", gathers<BFloat16>},
      {"ExchangesUnevenParts", exchanges},
      {"MovesBytes", bytes_are_bytes},
      {"SendsWithoutWaiting", sends_wait_for_nobody},
      {"KeepsGroupsApart", groups_are_apart},
      {"HoldsBarriers", barriers_hold},
      {"SendsTheBytesPromised", bytes_are_promised},
  };
  return cases;
}

}  // namespace forerun::test

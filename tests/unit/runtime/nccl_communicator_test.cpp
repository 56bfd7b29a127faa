// Does the communicator over NCCL's calls do what every communicator must, with the host standing in for NCCL and,
// where there is a GPU, with NCCL itself?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "base/shard_sizes.hpp"
#include "runtime/communication/nccl_calls.hpp"
#include "runtime/communication/nccl_communicator.hpp"
#include "runtime/communication/rank_threads.hpp"
#include "runtime/cuda_backend.hpp"
#include "tests/support/communicator_conformance.hpp"
#include "tests/support/far_memory.hpp"
#include "tests/support/host_nccl.hpp"

namespace forerun {
namespace {

using std::span;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

NcclStart host_nccl(Backend& on) {
  return [&on](Communicator& host) { return std::make_unique<test::HostNccl>(host, on); };
}

struct Given {
  test::CommunicatorCase what;
  int ranks;
};
std::vector<Given> given(int most_ranks) {
  std::vector<Given> all;
  for (const test::CommunicatorCase& what : test::communicator_cases()) {
    for (int ranks = 1; ranks <= most_ranks; ++ranks) {
      if (ranks == 1 || !what.buffers_sends) all.push_back({what, ranks});
    }
  }
  return all;
}
std::string name_of(const testing::TestParamInfo<Given>& of) {
  return std::string(of.param.what.name) + "On" + std::to_string(of.param.ranks);
}

struct NcclOnTheHost : testing::TestWithParam<Given> {};

TEST_P(NcclOnTheHost, Holds) {
  run_ranks(GetParam().ranks, [&](Communicator& host) {
    test::FarMemory on;
    GetParam().what.run(*make_communicator_of(host_nccl(on), host, on), on);
  });
}

INSTANTIATE_TEST_SUITE_P(Threads, NcclOnTheHost, testing::ValuesIn(given(4)), name_of);

struct NcclOnAGpu : testing::TestWithParam<Given> {};

TEST_P(NcclOnAGpu, Holds) {
  if (!has_nccl()) GTEST_SKIP() << why_no_nccl();
  run_ranks(1, [&](Communicator& host) {
    const auto on = make_cuda_backend();
    GetParam().what.run(*make_nccl_communicator(host, *on), *on);
  });
}

INSTANTIATE_TEST_SUITE_P(OneRank, NcclOnAGpu, testing::ValuesIn(given(1)), name_of);

// Among one rank the communicator needs nothing of NCCL, whose calls are tried here: each gives back what it is given.
TEST(NcclCalls, OfOneRankCopyOnAGpu) {
  if (!has_nccl()) GTEST_SKIP() << why_no_nccl();
  run_ranks(1, [&](Communicator& host) {
    const auto on = make_cuda_backend();
    const auto calls = nccl_start(*on)(host);
    const std::vector<float> brought{1.5f, -2.f, 3.25f};
    constexpr std::int64_t bytes = 3 * sizeof(float);
    const auto check = [&](const char* what, const std::function<void(Elements, Elements)>& call) {
      auto* from = static_cast<float*>(on->take(bytes));
      auto* to = static_cast<float*>(on->take(bytes));
      on->put(brought.data(), from, bytes);
      on->clear(to, bytes);
      call(span(from, 3), span(to, 3));
      calls->wait();
      std::vector<float> got(3);
      on->get(to, got.data(), bytes);
      EXPECT_EQ(got, brought) << what;
      on->give_back(from, bytes);
      on->give_back(to, bytes);
    };
    check("all_reduce", [&](Elements from, Elements to) {
      on->copy(from.data, to.data, bytes);
      calls->all_reduce(to, Reduction::sum);
    });
    check("reduce_scatter", [&](Elements from, Elements to) { calls->reduce_scatter(from, to, Reduction::largest); });
    check("all_gather", [&](Elements from, Elements to) { calls->all_gather(from, to); });
    check("reduce", [&](Elements from, Elements to) { calls->reduce(from, to, Reduction::sum, 0); });
    check("broadcast", [&](Elements from, Elements to) { calls->broadcast(from, to, 0); });
    check("send and receive", [&](Elements from, Elements to) {
      calls->grouped([&] {
        calls->send(0, from);
        calls->receive(0, to);
      });
    });
    calls->abort();
    std::vector<float> x(1);
    EXPECT_THROW(calls->all_reduce(span(x), Reduction::sum), LinkFailure);
  });
}

TEST(NcclCommunicator, CountsWhatARingCounts) {
  for (const int ranks : {1, 2, 3, 4}) {
    run_ranks(ranks, [&](Communicator& host) {
      const auto on = make_cpu_backend();
      std::vector<int> all;
      for (int rank = 0; rank < ranks; ++rank) all.push_back(rank);
      const auto ring = host.group(all), nccl = make_communicator_of(host_nccl(*on), host, *on);
      std::mt19937 random(7);  // the same on all ranks
      const auto below = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(n));
      };
      for (int round = 0; round < 30; ++round) {
        const std::int64_t n = below(round % 3 == 0 ? 500'000 : 200);
        std::vector<std::int64_t> table;
        for (int i = 0; i < ranks * ranks; ++i) table.push_back(below(20));
        std::vector<std::int64_t> out, in;
        for (std::size_t peer = 0; peer < all.size(); ++peer) {
          const auto own = static_cast<std::size_t>(host.rank()), k = all.size();
          out.push_back(table[own * k + peer]), in.push_back(table[peer * k + own]);
        }
        const auto zeros = [](std::int64_t elements) {
          return std::vector<BFloat16>(static_cast<std::size_t>(elements));
        };
        std::vector<BFloat16> whole = zeros(n), mine = zeros(shard_of(n, ranks, host.rank()).count);
        std::vector<BFloat16> sent = zeros(std::accumulate(out.begin(), out.end(), std::int64_t{0}));
        std::vector<BFloat16> received = zeros(std::accumulate(in.begin(), in.end(), std::int64_t{0}));
        for (Communicator* c : {ring.get(), nccl.get()}) {
          c->all_reduce(span(whole), Reduction::sum);
          c->reduce_scatter(span(whole), span(mine), Reduction::sum);
          c->all_gather(span(mine), span(whole));
          c->all_to_all(span(sent), out, span(received), in);
          if (host.rank() == 0) c->send(ranks - 1, span(whole));
          if (host.rank() == ranks - 1) c->receive(0, span(whole));
        }
        for (std::size_t kind = 0; kind < communication_kinds; ++kind) {
          const CommunicationCount &a = ring->counts()[kind], &b = nccl->counts()[kind];
          ASSERT_TRUE(a == b) << to_string(static_cast<CommunicationKind>(kind)) << " of " << n << " among " << ranks
                              << ": " << b.calls << " calls, " << b.messages << " messages, " << b.api_bytes
                              << " B, on the wire " << b.wire_bytes << " B; the ring: " << a.calls << ", " << a.messages
                              << ", " << a.api_bytes << ", " << a.wire_bytes;
        }
      }
      EXPECT_EQ(nccl->counts()[0].calls, ranks > 1 ? 30 : 0);
    });
  }
}

// Rank 0 does not fail, and nothing that it calls would tell it: its GPU has to be woken.
TEST(NcclCommunicator, EndsTheWorkOfAllRanksOfItsProcessWhenOneFails) {
  for (const bool gives_up : {true, false}) {
    std::atomic<bool> woken = false;
    try {
      run_ranks(2, [&](Communicator& host) {
        const auto on = make_cpu_backend();
        const test::HostNccl* made = nullptr;
        const auto c = make_communicator_of(
            [&](Communicator& among) {
              auto calls = std::make_unique<test::HostNccl>(among, *on);
              made = calls.get();
              return calls;
            },
            host, *on);
        host.barrier();
        if (host.rank() == 1 && gives_up) return c->give_up("no");
        if (host.rank() == 1) throw std::runtime_error("no");
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!made->aborted() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
        woken = made->aborted();
      });
      ADD_FAILURE() << "rank 1 failed";
    } catch (const RankFailure& failure) {
      EXPECT_EQ(failure.rank, 1);
    }
    EXPECT_TRUE(woken) << (gives_up ? "give_up" : "throw");
  }
}

TEST(NcclCommunicator, NamesTheRankOfTheRunAndTheOperation) {
  const int members[]{2, 1};
  try {
    run_ranks(3, [&](Communicator& host) {
      const auto on = make_cpu_backend();
      const auto c = make_communicator_of(host_nccl(*on), host, *on);
      const auto group = c->group(members);
      if (!group) return;
      if (host.rank() == 1) return group->barrier();  // waits, so that rank 2 fails first
      std::vector<float> x(12), shorter(11);
      group->send(group->rank(), span(x));
      group->receive(group->rank(), span(shorter));
    });
    ADD_FAILURE() << "nothing failed";
  } catch (const RankFailure& failure) {
    EXPECT_STREQ(failure.what(), "rank 2, receive of 11 fp32 among 2: sent itself 48 B where 44 B were waited for");
  }
}

TEST(NcclCommunicator, WantsAGpuForEachRank) {
  std::atomic<int> refused = 0;
  run_ranks(3, [&](Communicator& host) {
    refuse_shared_devices(host, "GPU 0 of node" + std::to_string(host.rank()));  // three machines
    try {
      refuse_shared_devices(host, host.rank() == 1 ? "GPU 1 of here" : "GPU 0 of here");
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), AllOf(StartsWith("ranks 0 and 2 share GPU 0 of here, and NCCL wants one for each"),
                                      HasSubstr("\n  hint: ")));
      ++refused;
    }
  });
  EXPECT_EQ(refused, 3);
}

TEST(NcclCommunicator, RefusesTensorsOfTheHost) {
  run_ranks(2, [](Communicator& host) {
    const auto on = make_cpu_backend();
    try {
      make_nccl_communicator(host, *on);
      ADD_FAILURE() << "host memory passed";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(),
                   "NCCL moves tensors of GPUs, and this rank's are on the cpu\n  hint: take the cuda backend, or "
                   "communicators of threads or of MPI");
    }
  });
}

// "libnccl.so.2 has no ..." is none of the reasons: where the library is, all of it is found.
TEST(NcclCommunicator, SaysWhatIsMissing) {
  EXPECT_EQ(has_nccl(), why_no_nccl().empty());
  if (built_with_cuda() && cuda_devices() > 0) GTEST_SKIP() << "here is a GPU: " << why_no_nccl();
  EXPECT_THAT(why_no_nccl(), AnyOf(StartsWith("there is no GPU of NVIDIA"), StartsWith("libnccl.so.2 is not there: "),
                                   StartsWith("this forerun was built without CUDA")));
}

}  // namespace
}  // namespace forerun

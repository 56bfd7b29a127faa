// Does every backend keep its promises about memory, order and time?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "runtime/allocator.hpp"
#include "tests/support/every_backend.hpp"

namespace forerun {
namespace {

using namespace test;
using testing::Each;
using testing::ElementsAre;

class BackendPromises : public Backends {};
INSTANTIATE_TEST_SUITE_P(, BackendPromises, every_backend, name_of_backend);

// --- memory ---

TEST_P(BackendPromises, HandOutAlignedMemory) {
  for (const std::int64_t bytes : {0, 1, 1000}) {
    void* data = on().take(bytes);
    EXPECT_NE(data, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % Allocator::alignment, 0U);
    on().give_back(data, bytes);
  }
}

TEST_P(BackendPromises, SayThatMemoryIsOver) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end the program where there is too little memory";
#endif
  EXPECT_THROW(on().take(std::int64_t{1} << 50), std::bad_alloc);
}

// More than any ring of staging memory holds; the host's changes once it was put.
TEST_P(BackendPromises, TakeWhatTheHostHadWhenItWasPut) {
  constexpr std::int64_t count = 3 * 5'000'000;
  std::vector<std::int32_t> host(count);
  Tensor<std::int32_t> there(on(), host);
  for (std::int32_t round = 0; round < 2; ++round) {
    std::iota(host.begin(), host.end(), round);
    on().put(host.data(), there.out().data(), count * 4);
    std::iota(there.host.begin(), there.host.end(), round);
    std::ranges::fill(host, -1);
    EXPECT_TRUE(there.there() == there.host);
  }
}

TEST_P(BackendPromises, CopyAndClear) {
  const Tensor<std::int32_t> from(on(), Ints{1, 2, 3, 4, 5, 6}), to(on(), Ints(6, 9)), rows(on(), Ints(8, 9));
  copy<std::int32_t>(on(), from.in().subspan(1, 3), to.out().subspan(2, 3));
  EXPECT_THAT(to.there(), ElementsAre(9, 9, 2, 3, 4, 9));
  copy_rows<std::int32_t>(on(), 2, 2, from.rows_in(3), rows.rows_out(4));
  EXPECT_THAT(rows.there(), ElementsAre(1, 2, 9, 9, 4, 5, 9, 9));
  copy_rows<std::int32_t>(on(), 0, 2, from.rows_in(3), rows.rows_out(4));
  clear<std::int32_t>(on(), to.out().subspan(1, 4));
  EXPECT_THAT(to.there(), ElementsAre(9, 0, 0, 0, 0, 9));
}

// --- order and time ---

// Lane 1 adds, a hundred times; lane 0 takes the sum when it is told to wait for that, and lane 1 goes on when lane 0
// has it.
TEST_P(BackendPromises, OrderLanesByMarks) {
  constexpr std::int64_t count = 1 << 16;
  const Tensor<float> one(on(), std::vector<float>(count, 1));
  const Tensor<float> sum(on(), std::vector<float>(count, 0)), taken(on(), std::vector<float>(count, -1));
  on().finish();
  on().start_clock();
  const int adds = std::string_view(GetParam()) == "cuda" ? 100 : 3;
  on().use_lane(1);
  for (int i = 0; i < adds; ++i) table<float>().add(sum.in(), one.in(), sum.out());
  const Mark added = on().mark();
  on().use_lane(0);
  on().follow(added);
  copy<float>(on(), sum.in(), taken.out());
  const Mark copied = on().mark();
  on().use_lane(1);
  on().follow(copied);
  clear<float>(on(), sum.out());
  on().use_lane(0);
  on().finish();
  EXPECT_THAT(taken.there(), Each(static_cast<float>(adds)));
  EXPECT_THAT(sum.there(), Each(0.f));
  EXPECT_GT(on().reached(added).count(), 0);
  EXPECT_GE(on().reached(copied), on().reached(added));
}

// Lists of the host may change, too, while what reads them is in line; many more than a ring holds.
TEST_P(BackendPromises, TakeListsOfTheHostAtOnce) {
  constexpr std::int64_t rows = 16;
  Ints index(rows);
  const Tensor<float> x(on(), {0, 1, 2, 3});
  const Tensor<float> y(on(), std::vector<float>(rows, -1)), sum(on(), std::vector<float>(rows, 0));
  for (std::int32_t i = 0; i < 50; ++i) {
    on().use_lane(i % 2);  // each waits for the other's turn
    std::ranges::fill(index, i % 4);
    table<float>().gather_rows(1, x.in(), index, y.out());
    table<float>().add(sum.in(), y.in(), sum.out());
    std::ranges::fill(index, 1'000'000);
    const Mark done = on().mark();
    on().use_lane(1 - i % 2);
    on().follow(done);
  }
  on().use_lane(0);
  on().finish();
  EXPECT_THAT(sum.there(), Each(12 * 6 + 0 + 1.f));  // twelve times 0 + 1 + 2 + 3, and 0 + 1
}

TEST_P(BackendPromises, StartTheirClockAgainEachStep) {
  const Tensor<float> sum(on(), std::vector<float>(1000, 0));
  for (int step = 0; step < 3; ++step) {
    on().start_clock();
    const Mark first = on().mark();
    table<float>().fill_sums(1, sum.out());
    const Mark second = on().mark();
    EXPECT_GE(on().reached(first).count(), 0);
    EXPECT_GE(on().reached(second), on().reached(first));
    EXPECT_LT(on().reached(second), std::chrono::seconds(10));
  }
}

TEST_P(BackendPromises, SayWhatTheyAre) {
  const bool gpu = std::string_view(GetParam()) == "cuda";
  EXPECT_EQ(on().queues(), gpu);
  if (gpu) {
    EXPECT_EQ(on().name(), "cuda");
    EXPECT_FALSE(cuda_device_name(0).empty());
  }
}

}  // namespace
}  // namespace forerun

// Does a sampler by marks put whole batches in line, rotate its operands and say what it saw, whatever the backend? On
// the CPU's, which keeps count here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "profiler/event_sampler.hpp"
#include "profiler/measure.hpp"
#include "profiler/sweep.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Log {
  std::set<const void*> read, written;  // where copies began
  std::size_t copies = 0, clears = 0, marks = 0;
  std::vector<int> lanes;  // of each copy
};

// The CPU's backend by another name: what it is asked for is written down. Time is pretended: a copy takes 10 us on any
// lane.
class Counting final : public Backend {
 public:
  Counting(std::shared_ptr<Log> log, bool queues) : log_(std::move(log)), queues_(queues) {}

  [[nodiscard]] std::string_view name() const override { return "counting"; }
  [[nodiscard]] bool queues() const override { return queues_; }
  void* take(std::int64_t bytes) override { return inner_->take(bytes); }
  void give_back(void* data, std::int64_t bytes) noexcept override { inner_->give_back(data, bytes); }
  void copy(const void* from, void* to, std::int64_t bytes) override {
    log_->read.insert(from), log_->written.insert(to), log_->lanes.push_back(lane_), ++log_->copies;
    now_ += 10'000;
    inner_->copy(from, to, bytes);
  }
  void copy_rows(std::int64_t rows, std::int64_t bytes, const void* from, std::int64_t from_stride, void* to,
                 std::int64_t to_stride) override {
    inner_->copy_rows(rows, bytes, from, from_stride, to, to_stride);
  }
  void clear(void* to, std::int64_t bytes) override {
    ++log_->clears;
    now_ += 1'000;
    inner_->clear(to, bytes);
  }
  void put(const void* host, void* to, std::int64_t bytes) override { inner_->put(host, to, bytes); }
  void get(const void* from, void* host, std::int64_t bytes) override { inner_->get(from, host, bytes); }
  void use_lane(int lane) override { lane_ = lane; }
  Mark mark() override {
    ++log_->marks;
    return {now_};
  }
  void follow(Mark) override {}
  void finish() override {}
  std::chrono::steady_clock::time_point start_clock() override {
    now_ = 0;
    return {};
  }
  [[nodiscard]] std::chrono::nanoseconds reached(Mark mark) override { return std::chrono::nanoseconds(mark.value); }

 private:
  Operators<double>& in_fp64() override { return inner_->operators<double>(); }
  Operators<float>& in_fp32() override { return inner_->operators<float>(); }
  Operators<BFloat16>& in_bf16() override { return inner_->operators<BFloat16>(); }

  std::unique_ptr<Backend> inner_ = make_cpu_backend();
  std::shared_ptr<Log> log_;
  bool queues_;
  int lane_ = 0;
  std::int64_t now_ = 0;
};

// 64 rows of 64 floats: 16 KiB read, 16 KiB written.
const KernelCase copy_of_16_kib = [] {
  KernelCase one = copy_case(DType::fp32);
  one.rows = one.width = 64;
  return one;
}();
constexpr double set_bytes = 2 * 16384;

TEST(EventSampler, TakesAsManyLaunchesAsABatchNeeds) {
  const EventOptions o{.batch = Seconds{400e-6}, .longest = Seconds{0.02}, .fewest = 20, .most = 400};
  EXPECT_EQ(launches_of(Seconds{2e-6}, o), 200U);  // 400 us
  EXPECT_EQ(launches_of(Seconds{1e-7}, o), 400U);  // the most
  EXPECT_EQ(launches_of(Seconds{1e-4}, o), 20U);  // the fewest, 2 ms
  EXPECT_EQ(launches_of(Seconds{4e-3}, o), 5U);  // 20 ms
  EXPECT_EQ(launches_of(Seconds{0.5}, o), 1U);
}

TEST(EventSampler, TimesALaunchOfABatchBetweenTwoMarks) {
  const auto log = std::make_shared<Log>();
  EventSampler sampler(std::make_unique<Counting>(log, false),
                       {.pool = Bytes{8 * set_bytes}, .batch = Seconds{1e-3}, .fewest = 5, .most = 400});
  const auto prepared = sampler.prepare(copy_of_16_kib, 0);
  const std::size_t copies = log->copies, marks = log->marks;
  EXPECT_NEAR(prepared->run().value(), 10e-6, 1e-12);
  EXPECT_EQ(log->copies - copies, 100U);  // 1 ms of 10 us each
  EXPECT_EQ(log->marks - marks, 2U);
  EXPECT_THAT(prepared->notes(), HasSubstr("launches=100"));
}

TEST(EventSampler, RotatesThroughSetsThatFillThePool) {
  const auto log = std::make_shared<Log>();
  EventSampler sampler(std::make_unique<Counting>(log, false),
                       {.pool = Bytes{7.5 * set_bytes}, .batch = Seconds{1e-3}, .fewest = 5, .most = 400});
  const auto prepared = sampler.prepare(copy_of_16_kib, 0);
  log->read.clear(), log->written.clear(), log->clears = 0;
  prepared->run();
  EXPECT_EQ(log->read.size(), 8U);
  EXPECT_EQ(log->written.size(), 8U);
  EXPECT_EQ(log->clears, 0U);  // the sets alone fill the caches
}

TEST(EventSampler, EmptiesTheCachesBeforeABatchWhoseSetsDoNotFillThem) {
  const auto log = std::make_shared<Log>();
  EventSampler sampler(std::make_unique<Counting>(log, false),
                       {.pool = Bytes{100 * set_bytes}, .batch = Seconds{1e-4}, .fewest = 5, .most = 10});
  const auto prepared = sampler.prepare(copy_of_16_kib, 0);
  log->read.clear(), log->clears = 0;
  prepared->run();
  EXPECT_EQ(log->read.size(), 10U);  // none twice
  EXPECT_EQ(log->clears, 1U);
}

// The host of this backend takes far longer for a copy of 16 KiB than the microseconds that it pretends; a clear of the
// pool pretends to take 1 us.
TEST(EventSampler, KeepsADeviceBusyWhileTheHostPutsABatchInLine) {
  for (const bool queues : {false, true}) {
    const auto log = std::make_shared<Log>();
    EventSampler sampler(std::make_unique<Counting>(log, queues),
                         {.pool = Bytes{64}, .batch = Seconds{1e-3}, .fewest = 5, .most = 400});
    const auto prepared =
        sampler.prepare(copy_case(DType::fp32, {.most_streamed = 1 << 20}), 0);  // 4 MiB: more than 5 us of a host
    log->clears = 0;
    EXPECT_NEAR(prepared->run().value(), 10e-6, 1e-12) << "what goes before a batch is not timed";
    EXPECT_EQ(log->clears > 0, queues);
  }
}

// Sums of squares of N(0, 1) are as many as there are numbers, give or take sqrt(2 n); zeros or constants would not be,
// nor would their sum be near 0.
TEST(EventSampler, ReadsNormalNumbers) {
  const auto log = std::make_shared<Log>();
  EventSampler sampler(std::make_unique<Counting>(log, false),
                       {.pool = Bytes{4 * set_bytes}, .batch = Seconds{1e-6}, .fewest = 4, .most = 4});
  const auto prepared = sampler.prepare(copy_of_16_kib, 0);
  log->read.clear();
  prepared->run();
  double sum = 0, squares = 0, n = 0;
  for (const void* tensor : log->read) {
    for (const float x : std::span(static_cast<const float*>(tensor), 4096)) sum += x, squares += x * x, ++n;
  }
  EXPECT_EQ(n, 4 * 4096);
  EXPECT_NEAR(sum, 0, 4 * std::sqrt(n));
  EXPECT_NEAR(squares, n, 4 * std::sqrt(2 * n));
}

TEST(EventSampler, SaysHowMuchAnotherLaneSlows) {
  const auto log = std::make_shared<Log>();
  EventSampler sampler(std::make_unique<Counting>(log, true),
                       {.pool = Bytes{8 * set_bytes}, .batch = Seconds{2e-4}, .fewest = 5, .most = 400});
  EXPECT_NEAR(sampler.slowdown(copy_of_16_kib, copy_of_16_kib), 1,
              1e-9);  // this backend's lanes do not disturb each other's marks
  const auto on_one = std::ranges::count(log->lanes, 1);
  EXPECT_GE(on_one, 7 * 2 * 20);  // in each of seven runs at least twice as long as the twenty that were timed
}

TEST(EventSampler, MeasuresLaunches) {
  EventSampler sampler(make_cpu_backend(), {.pool = Bytes{4096}, .most = 50});
  const LaunchCosts costs = sampler.launch_costs();
  EXPECT_GT(costs.in_line, Seconds{0});
  EXPECT_GT(costs.by_host, Seconds{0});
  EXPECT_GE(costs.alone, 0.5 * costs.in_line);
}

TEST(EventSampler, RunsWhateverTheSweepAsksFor) {
  const SweepSize small{.products = 3, .attentions = 2, .each_streaming = 1, .most_work = Flops{3e6}};
  EventSampler sampler(make_cpu_backend(), {.pool = Bytes{1 << 16}, .batch = Seconds{1e-6}, .fewest = 2, .most = 4});
  for (const KernelCase& one :
       plan_sweep(small, {.most_streamed = 1 << 16}, std::vector{DType::fp32, DType::bf16, DType::fp64}, 1)) {
    const RunTimes t = measure(sampler, one, {.budget = Seconds{0}, .fewest = 2, .most = 2}, 1);
    EXPECT_GT(t.median, Seconds{0}) << one.operation;
    EXPECT_THAT(t.notes, HasSubstr("launches=")) << one.operation;
  }
  EXPECT_THAT(sampler.remarks(), IsEmpty());
}

TEST(EventSampler, NotesWhatItsWitnessesSaw) {
  const auto trace = [](const std::function<void()>& work) {
    work();
    return std::vector<KernelRecord>{{"copy_kernel", Seconds{60e-6}, 32, 1024},
                                     {"copy_kernel", Seconds{60e-6}, 32, 1024},
                                     {"copy_kernel", Seconds{60e-6}, 32, 1024}};
  };
  const auto log = std::make_shared<Log>();
  EventSampler sampler(
      std::make_unique<Counting>(log, false),
      {.pool = Bytes{set_bytes}, .batch = Seconds{1e-4}, .fewest = 2, .most = 10},
      {.read = [] { return GpuReading{.sm_clock = Hertz{1.5e9}, .power = Watts{600}, .celsius = {}, .throttle = 4}; },
       .trace = trace,
       .most_clock = Hertz{1.98e9}});
  const RunTimes t = measure(sampler, copy_of_16_kib, {.budget = Seconds{0}, .fewest = 3, .most = 3}, 1);
  EXPECT_THAT(t.notes, AllOf(HasSubstr(";sm_clock=1500;power=600;throttle=0x4;power_limited;"),
                             HasSubstr("kernel=copy_kernel;kernels=1;registers=32;shared=1024;cupti_us=60.00")));
  EXPECT_EQ(sampler.mean_clock(), Hertz{1.5e9});
  EXPECT_THAT(sampler.remarks(), IsEmpty());  // marks say 10 us: short kernels are not compared
}

TEST(EventSampler, RemarksThatItsClocksDiffer) {
  const auto trace = [](const std::function<void()>& work) {
    work();
    return std::vector<KernelRecord>{{"one", Seconds{1}, 1, 0}};
  };
  EventSampler sampler(make_cpu_backend(), {.pool = Bytes{4096}, .batch = Seconds{1e-6}, .fewest = 1, .most = 1},
                       {.trace = trace});
  const KernelCase long_one =
      copy_case(DType::fp32, {.most_streamed = 1 << 20});  // 8 MiB moved: more than 20 us of any core
  EXPECT_THAT(measure(sampler, long_one, {.budget = Seconds{0}, .fewest = 3, .most = 3}, 1).notes,
              HasSubstr("clocks_differ"));
  EXPECT_THAT(sampler.remarks(), ElementsAre(HasSubstr("differ by more than 10 % for 1 of 1 kernels")));
}

TEST(EventSampler, GoesOnWithoutATrace) {
  const auto trace = [](const std::function<void()>&) -> std::vector<KernelRecord> {
    throw std::runtime_error("not permitted");
  };
  EventSampler sampler(make_cpu_backend(), {.pool = Bytes{4096}, .batch = Seconds{1e-6}, .fewest = 1, .most = 1},
                       {.trace = trace});
  for (int i = 0; i < 2; ++i)
    EXPECT_GT(measure(sampler, copy_of_16_kib, {.budget = Seconds{0}, .fewest = 1, .most = 1}, 1).median, Seconds{0});
  EXPECT_THAT(sampler.remarks(), ElementsAre("kernels were not traced: not permitted"));
}

// Means of what there is; the reasons of all; limited below 97 % of the maximum.
TEST(Notes, OfReadingsAreMeans) {
  const GpuReading fast{.sm_clock = Hertz{2e9}, .power = Watts{500}, .celsius = {}, .throttle = 1},
      slow{.sm_clock = Hertz{1.9e9}, .power = {}, .celsius = {}, .throttle = 4};
  EXPECT_EQ(notes_of(std::vector{fast, slow}, Hertz{2e9}), "sm_clock=1950;power=500;throttle=0x5");
  EXPECT_EQ(notes_of(std::vector{slow, slow}, Hertz{2e9}), "sm_clock=1900;throttle=0x4;power_limited");
  EXPECT_EQ(notes_of(std::vector{GpuReading{}}, Hertz{2e9}), "");
}

TEST(Notes, OfKernelsNameTheLongestAndAddUp) {
  const std::vector<KernelRecord> records{{"small", Seconds{1e-6}, 8, 0},
                                          {"large", Seconds{5e-6}, 64, 4096},
                                          {"small", Seconds{1e-6}, 8, 0},
                                          {"large", Seconds{5e-6}, 64, 4096}};
  EXPECT_EQ(notes_of(records, 2), "kernel=large;kernels=2;registers=64;shared=4096;cupti_us=6.00");
}

}  // namespace
}  // namespace forerun

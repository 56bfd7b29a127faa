// Does a profile measure every case once, whatever interrupts it, with a sampler that only pretends?
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "profiler/collectives.hpp"
#include "profiler/cpu_sampler.hpp"
#include "profiler/kernel_samples.hpp"
#include "profiler/profile.hpp"
#include "runtime/communication/rank_threads.hpp"

namespace forerun {
namespace {

namespace fs = std::filesystem;

class Pretended final : public PreparedCase {
 public:
  Seconds run() override { return Seconds{1e-6}; }
};

class Pretender final : public Sampler {
 public:
  [[nodiscard]] std::string library() const override { return "pretended"; }
  [[nodiscard]] int ranks() const override { return 1; }
  std::unique_ptr<PreparedCase> prepare(const KernelCase& one, int) override {
    prepared.push_back(key_of(one));
    if (prepared.size() == fail_after) throw std::logic_error("power cut");  // no case of its own
    return std::make_unique<Pretended>();
  }
  std::vector<std::string> prepared;
  std::size_t fail_after = 0;
};

class Profiles : public testing::Test {
 protected:
  Profiles() { fs::create_directory(folder_); }
  ~Profiles() override { fs::remove_all(folder_); }

  [[nodiscard]] ProfileOptions options() const {
    return {.stem = folder_ / "local",
            .quick = true,
            .sweep = {.products = 6, .attentions = 4, .each_streaming = 1, .most_work = Flops{1e8}},
            .effort = {.budget = Seconds{1e-4}, .fewest = 3, .most = 5},
            .largest_message = Bytes{4096}};
  }
  const Machine machine_ = [] {
    Machine m = parse_machine("", "MemTotal: 1000000 kB\n", 2);
    m.l2 = Bytes{1 << 20};
    return m;
  }();
  const fs::path folder_ = fs::temp_directory_path() / ("forerun-profile-" + std::to_string(::getpid()));
};

TEST_F(Profiles, WriteARowACaseAndDescribeTheMachine) {
  Pretender sampler;
  const auto result = profile(options(), sampler, machine_);
  ASSERT_TRUE(result) << to_string(result.error());
  const auto cases = plan_sweep(options().sweep, {}, options().dtypes, 1);
  EXPECT_EQ(result->kernels, cases.size());
  EXPECT_EQ(result->collectives, plan_collectives(2, Bytes{4096}, 2).size());
  for (const char* name : {"local.device.yaml", "local.cluster.yaml", "local.samples.csv", "local.collectives.csv"})
    EXPECT_TRUE(fs::exists(folder_ / name)) << name;
  EXPECT_FALSE(result->overlap) << "with one rank nothing runs beside another";
}

TEST_F(Profiles, GoOnWhereTheyWereInterrupted) {
  Pretender interrupted;
  interrupted.fail_after = 20;
  EXPECT_THROW(static_cast<void>(profile(options(), interrupted, machine_)), std::logic_error);
  EXPECT_FALSE(fs::exists(folder_ / "local.device.yaml") || fs::exists(folder_ / "local.cluster.yaml"));
  ProfileOptions again = options();
  again.resume = true;
  Pretender sampler;
  const auto result = profile(again, sampler, machine_);
  ASSERT_TRUE(result) << to_string(result.error());
  const std::size_t cases = plan_sweep(again.sweep, {}, again.dtypes, 1).size();
  EXPECT_EQ(result->kernels, cases);
  EXPECT_GT(result->kept, 0U);
  Pretender last;
  const auto nothing_left = profile(again, last, machine_);
  EXPECT_EQ(nothing_left->kept, cases + nothing_left->collectives);
  const std::set<std::string> asked(last.prepared.begin(), last.prepared.end());
  EXPECT_LT(asked.size(), 10U);  // the machine and the reference, none of the sweep
}

TEST_F(Profiles, SayWhyProcessesCouldNotBeMeasured) {
  const auto remarks = [&](const std::string& command) {
    ProfileOptions o = options();
    o.started_by_mpi = command;
    Pretender sampler;
    const auto result = profile(o, sampler, machine_);
    return result ? result->remarks : std::vector<std::string>{to_string(result.error())};
  };
  EXPECT_THAT(remarks("true"), testing::IsEmpty());
  EXPECT_THAT(remarks("(echo no slots; echo --- >&2; echo 'not enough slots' >&2; echo ------ >&2; exit 1)"),
              testing::ElementsAre("no collectives of processes: mpirun failed: not enough slots"));
  EXPECT_THAT(remarks("(echo 'forerun: rank 0: other columns' >&2; echo MPI_ABORT was invoked >&2; exit 1)"),
              testing::ElementsAre("no collectives of processes: mpirun failed: rank 0: other columns"));
  EXPECT_THAT(remarks("exit 1"), testing::ElementsAre("no collectives of processes: mpirun failed"));
}

TEST_F(Profiles, OfAnotherMachineAreNotGoneOnWith) {
  Pretender first, second;
  ASSERT_TRUE(profile(options(), first, machine_));
  ProfileOptions again = options();
  again.resume = true;
  Machine other = machine_;
  other.processor = "Another";
  std::map<fs::path, std::string> before, after;
  const auto read_all = [&](std::map<fs::path, std::string>& into) {
    for (const auto& entry : fs::directory_iterator(folder_))
      into[entry.path()] = std::string(std::istreambuf_iterator<char>(std::ifstream(entry.path()).rdbuf()), {});
  };
  read_all(before);
  const auto refused = profile(again, second, other);
  ASSERT_FALSE(refused);
  EXPECT_THAT(to_string(refused.error()),
              testing::HasSubstr("these are samples of unknown-processor-2-cores-1-gib, not of another-2-cores-1-gib"));
  EXPECT_TRUE(second.prepared.empty()) << "nothing is measured";
  read_all(after);
  EXPECT_EQ(before, after);
}

// Runs of the n-th measurement of a case take 1, 4 or 2 us.
class Unsteady final : public Sampler {
 public:
  [[nodiscard]] std::string library() const override { return "unsteady"; }
  [[nodiscard]] int ranks() const override { return 1; }
  std::unique_ptr<PreparedCase> prepare(const KernelCase& one, int) override {
    if (measured == fail_after) throw std::logic_error("power cut");  // no case of its own
    if (measured == refuse_at) {
      refuse_at = 1'000'000;
      throw std::runtime_error("no kernel for this product");
    }
    const bool reference = one == ProfileOptions{}.reference;
    if (!reference) ++measured;
    constexpr std::array<double, 3> microseconds{1, 4, 2};
    return std::make_unique<Constant>(
        Seconds{1e-6 * (reference ? 1 : microseconds.at(static_cast<std::size_t>(passes_[key_of(one)]++ % 3)))});
  }
  std::size_t measured = 0, fail_after = 1'000'000, refuse_at = 1'000'000;

 private:
  class Constant final : public PreparedCase {
   public:
    explicit Constant(Seconds time) : time_(time) {}
    Seconds run() override { return time_; }

   private:
    Seconds time_;
  };
  std::map<std::string, int> passes_;
};

class Passes : public Profiles {
 protected:
  // As few products as fill a part of the sweep and begin another.
  [[nodiscard]] ProfileOptions three() const {
    ProfileOptions o = options();
    o.sweep = {.products = 260, .attentions = 0, .each_streaming = 0, .most_work = Flops{1e8}};
    o.effort = {.budget = Seconds{0}, .fewest = 9, .most = 9};
    o.passes = 3;
    return o;
  }
  static Result<SampleFile> file(const ProfileOptions& o, bool resume) {
    return SampleFile::open(paths_of(o.stem).samples, kernel_columns, {"box", "local.device.yaml"}, resume);
  }
};

TEST_F(Passes, GiveACaseTheirMedianAndSayHowFarTheyLieApart) {
  auto samples = file(three(), false);
  Unsteady sampler;
  const auto result = sample_kernels(three(), sampler, *samples, {});
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->rows, 260U);
  EXPECT_EQ(sampler.measured, 3 * 260U);
  std::ifstream in(paths_of(three().stem).samples);
  std::string row;
  std::getline(in, row);
  while (std::getline(in, row)) {
    EXPECT_THAT(row, testing::HasSubstr(",2.0000,unsteady;"));  // of 1, 4 and 2 us
    EXPECT_THAT(row, testing::HasSubstr(";runs=9;"));           // a third of them in each pass
    EXPECT_THAT(row, testing::HasSubstr(";passes=1.500"));      // (4 - 1) / 2
  }
}

TEST_F(Passes, GoOnWhereOneCaseIsRefused) {
  auto samples = file(three(), false);
  Unsteady sampler;
  sampler.refuse_at = 10;
  const auto result = sample_kernels(three(), sampler, *samples, {});
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->failed.size(), 1U);
  EXPECT_THAT(result->failed.front(), testing::HasSubstr("was not measured: no kernel for this product"));
  EXPECT_EQ(result->rows, 259U);
}

// The first part is whole after 150 measurements; until then nothing is.
TEST_F(Passes, OfAPartAreLostTogether) {
  for (const auto& [interrupted_after, kept] : {std::pair<std::size_t, std::size_t>{149, 0}, {160, 50}}) {
    {
      auto samples = file(three(), false);
      Unsteady sampler;
      sampler.fail_after = interrupted_after;
      EXPECT_THROW(static_cast<void>(sample_kernels(three(), sampler, *samples, {})), std::logic_error);
    }
    auto samples = file(three(), true);
    EXPECT_EQ(samples->rows(), kept);
    Unsteady sampler;
    const auto result = sample_kernels(three(), sampler, *samples, {});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->kept, kept);
    EXPECT_EQ(result->rows, 260U);
    EXPECT_EQ(sampler.measured, 3 * (260 - kept));
  }
}

// Products of 2 n^3 FLOPs: quick profiles do without 1024, which is more than 2 GFLOP.
TEST(Sweep, MeasuresSquaresThatAreSmallEnough) {
  EXPECT_THAT(measured_squares({}, quick_sweep), testing::ElementsAre(384, 512, 768));
  EXPECT_THAT(measured_squares({}, SweepSize{}), testing::ElementsAre(384, 512, 768, 1024));
}

TEST(Sweep, IsTheSameForASeedAndAnotherForAnother) {
  const std::vector<DType> fp32{DType::fp32};
  EXPECT_EQ(plan_sweep(quick_sweep, {}, fp32, 1), plan_sweep(quick_sweep, {}, fp32, 1));
  EXPECT_NE(plan_sweep(quick_sweep, {}, fp32, 1), plan_sweep(quick_sweep, {}, fp32, 2));
  for (const KernelCase& one : plan_sweep(quick_sweep, {}, fp32, 1))
    EXPECT_LE(flops(one.kernel), quick_sweep.most_work);
}

// Two products of fp64: whether the first has more rows than the second is as likely as not. Where the first number of
// a seed were both the rows of the product drawn first and the choice of who goes first, it would be so three times in
// four.
TEST(Sweep, HasAnOrderThatItsShapesDoNotTell) {
  const SweepSize two{.products = 2, .attentions = 0, .each_streaming = 0, .most_work = Flops{1e18}};
  const auto rows = [](const KernelCase& one) {
    const Gemm& product = std::get<Gemm>(one.kernel);
    return one.operation == "linear_weight_gradient" ? product.k : product.m;
  };
  int falling = 0;
  constexpr int seeds = 1000;
  for (int seed = 0; seed < seeds; ++seed) {
    const auto cases = plan_sweep(two, {}, std::vector{DType::fp64}, static_cast<std::uint64_t>(seed));
    falling += rows(cases[0]) > rows(cases[1]) ? 1 : 0;
  }
  EXPECT_NEAR(falling, seeds / 2, 5 * std::sqrt(seeds / 4.0));
}

// Elements of 4 bytes: SwiGLU's backward pass reads three tensors and writes two; that of two copies coming back reads
// them and one gradient, and writes two.
TEST(Sweep, CountsBytesAsPlansDo) {
  for (const KernelCase& one : plan_sweep(quick_sweep, {}, std::vector{DType::fp32}, 3)) {
    const double elements = static_cast<double>(one.rows * one.width);
    const std::map<std::string, double> of_element{{"swiglu_backward", 20},   {"rms_norm_forward", 8},
                                                   {"adamw_update", 28},      {"add_in_place", 12},
                                                   {"dispatch_backward", 12}, {"combine_backward", 20}};
    if (!of_element.contains(one.operation)) continue;
    EXPECT_DOUBLE_EQ(bytes_moved(one.kernel).value(), of_element.at(one.operation) * elements) << one.operation;
  }
}

TEST(Times, AreMediansWithTheirSpread) {
  const RunTimes t = times_of({1, 2, 3, 4, 100});
  EXPECT_EQ(t.median, Seconds{3});
  EXPECT_DOUBLE_EQ(t.spread, (4.0 - 2.0) / 2 / 3);  // quartiles of five: the second and the fourth
  EXPECT_EQ(t.outliers, 1U);
}

// Every operation of the sweep in every format, once, small.
TEST(CpuSampler, RunsWhateverTheSweepAsksFor) {
  const SweepSize small{.products = 6, .attentions = 4, .each_streaming = 1, .most_work = Flops{1e7}};
  const auto sampler = make_cpu_sampler(1, Bytes{1 << 20}, 1);
  for (const KernelCase& one : plan_sweep(small, {}, std::vector{DType::fp32, DType::bf16, DType::fp64}, 1)) {
    const auto prepared = sampler->prepare(one, 0);
    for (int i = 0; i < 2; ++i) EXPECT_GE(prepared->run(), Seconds{0}) << one.operation;
  }
}

TEST(Collectives, AreTimedAlikeOnAllRanks) {
  for (const CollectiveCase& one : plan_collectives(3, Bytes{2048}, 1)) {
    std::array<Seconds, 3> times;
    run_ranks(3, [&](Communicator& c) {
      times[static_cast<std::size_t>(c.rank())] = time_collective(c, one, Seconds{1e-4});
    });
    EXPECT_GT(times[0], Seconds{0}) << one.kind;
    EXPECT_EQ(times[0], times[1]) << one.kind;
    EXPECT_EQ(times[0], times[2]) << one.kind;
  }
}

}  // namespace
}  // namespace forerun

// Does each operation of a sweep run on a backend with the operands that its recipe names, and write numbers into all
// that it says it writes?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"
#include "profiler/recipes.hpp"
#include "profiler/sweep.hpp"

namespace forerun {
namespace {

constexpr int wrong = -12345;  // what no operation leaves behind

template <class T>
struct Tensors {
  std::vector<std::vector<T>> warm, cold, out;
  std::vector<std::vector<Arithmetic<T>>> sums;

  explicit Tensors(const Recipe<T>& r) {
    Random random(1);
    const auto drawn = [&](const std::vector<std::int64_t>& counts, auto& into) {
      for (const std::int64_t n : counts) {
        auto& numbers = into.emplace_back(static_cast<std::size_t>(n));
        for (auto& x : numbers) x = static_cast<float>(2 * random.uniform() - 1);
      }
    };
    drawn(r.warm, warm), drawn(r.cold, cold);
    for (const std::int64_t n : r.out) out.emplace_back(static_cast<std::size_t>(n), T(wrong));
    // No two alike: a moment of an update stays what it is where the gradient equals it.
    for (const std::int64_t n : r.sums)
      sums.emplace_back(static_cast<std::size_t>(n), Arithmetic<T>(0.5) + static_cast<Arithmetic<T>>(sums.size()) / 8);
  }
  Operands<T> operands() {
    return {
        {warm.begin(), warm.end()}, {cold.begin(), cold.end()}, {out.begin(), out.end()}, {sums.begin(), sums.end()}};
  }
};

// Gradients of attention, and those that meet in place, are added to what is there.
bool adds(const KernelCase& c) {
  const auto* attention = std::get_if<FusedAttention>(&c.kernel);
  return c.operation == "add_in_place" || (attention != nullptr && attention->backward);
}

// Not what is only read (exponentials of a loss, the gradient of an update). Scratch is not looked at.
bool writes(const KernelCase& c, std::size_t sums) {
  return c.operation != "cross_entropy_backward" && !(c.operation == "adamw_update" && sums == 0);
}
bool is_scratch(const KernelCase& c, std::size_t sums) {
  const auto* attention = std::get_if<FusedAttention>(&c.kernel);
  return attention != nullptr && (attention->backward || sums == 1);
}

template <class T>
void check(const KernelCase& c) {
  const auto backend = make_cpu_backend();
  const Recipe<T> made = recipe<T>(*backend, c);
  Tensors<T> tensors(made);
  const auto before = tensors.sums;
  made.run(backend->operators<T>(), tensors.operands());
  for (const auto& tensor : tensors.out) {
    for (const T x : tensor) {
      ASSERT_TRUE(std::isfinite(static_cast<double>(x))) << c.operation;
      ASSERT_TRUE(adds(c) || static_cast<double>(x) != static_cast<double>(T(wrong))) << c.operation;
    }
  }
  for (const auto& tensor : tensors.sums) {
    for (const Arithmetic<T> x : tensor) ASSERT_TRUE(std::isfinite(static_cast<double>(x))) << c.operation;
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(is_scratch(c, i) || (tensors.sums[i] != before[i]) == writes(c, i)) << c.operation << ", sums " << i;
  }
}

TEST(Recipes, RunWhateverASweepAsksFor) {
  const SweepSize small{.products = 6, .attentions = 4, .each_streaming = 1, .most_work = Flops{1e7}};
  for (const KernelCase& c : plan_sweep(small, {}, std::vector{DType::fp32, DType::bf16, DType::fp64}, 1)) {
    if (c.dtype == DType::fp64) check<double>(c);
    if (c.dtype == DType::fp32) check<float>(c);
    if (c.dtype == DType::bf16) check<BFloat16>(c);
  }
}

// Y = X W with X of ones and W of twos: each element is 2 k.
TEST(Recipes, ReadWeightsColdAndActivationsWarm) {
  const auto backend = make_cpu_backend();
  const Recipe<float> made = recipe<float>(*backend, product_case(DType::fp32, 3, 4, 5));
  ASSERT_EQ(made.warm, std::vector<std::int64_t>{15});
  ASSERT_EQ(made.cold, std::vector<std::int64_t>{20});
  Tensors<float> tensors(made);
  std::ranges::fill(tensors.warm[0], 1.0F), std::ranges::fill(tensors.cold[0], 2.0F);
  made.run(backend->operators<float>(), tensors.operands());
  for (const float x : tensors.out[0]) EXPECT_EQ(x, 10.0F);
}

// What a sweep says that an operation moves is what its recipe reads and writes, but for small vectors (weights of
// norms and of copies, statistics).
TEST(Recipes, MoveTheBytesThatTheSweepCounts) {
  const auto backend = make_cpu_backend();
  const SweepSize small{.products = 0, .attentions = 0, .each_streaming = 3};
  for (const KernelCase& c : plan_sweep(small, {}, std::vector{DType::fp32}, 2)) {
    if (c.table > 0 || c.operation == "adamw_update") continue;  // read in part; some read, some written as well
    const Recipe<float> made = recipe<float>(*backend, c);
    const auto large = [&](std::int64_t n) { return n > 2 * std::max(c.rows, c.width) ? static_cast<double>(n) : 0.0; };
    double elements = c.operation == "add_in_place" ? large(made.out[0]) : 0;  // read as well
    for (const auto* list : {&made.warm, &made.cold, &made.out}) {
      for (const std::int64_t n : *list) elements += large(n);
    }
    for (const std::int64_t n : made.sums) elements += (c.operation == "cross_entropy_backward" ? 1 : 2) * large(n);
    EXPECT_DOUBLE_EQ(bytes_moved(c.kernel).value(), 4 * elements) << c.operation;
  }
}

// Two copies of a row, halved and summed, are the row; the gradient of making them is their sum, the gradient of
// summing them is half of it in each.
TEST(Recipes, SendRowsToExpertsAndBack) {
  const auto backend = make_cpu_backend();
  const auto run = [&](const char* operation, std::int64_t seen) {
    const Recipe<double> made = recipe<double>(*backend, {.operation = operation,
                                                          .dtype = DType::fp64,
                                                          .kernel = Streaming{StreamingKind::permute},
                                                          .rows = 6,
                                                          .width = 4});
    Tensors<double> tensors(made);
    for (auto* list : {&tensors.warm, &tensors.cold}) {
      for (auto& tensor : *list) std::ranges::fill(tensor, 1.0);
    }
    made.run(backend->operators<double>(), tensors.operands());
    EXPECT_EQ(std::ssize(tensors.out[0]), seen) << operation;
    return tensors;
  };
  EXPECT_THAT(run("dispatch_forward", 2 * 24).out[0], testing::Each(1.0));
  EXPECT_THAT(run("combine_forward", 24).out[0], testing::Each(1.0));
  EXPECT_THAT(run("dispatch_backward", 24).out[0], testing::Each(2.0));
  const auto back = run("combine_backward", 2 * 24);
  EXPECT_THAT(back.out[0], testing::Each(0.5));
  EXPECT_THAT(back.sums[0], testing::Each(4.0));  // of a weight: the row along its gradient, four ones
}

}  // namespace
}  // namespace forerun

#include "profiler/cpu_sampler.hpp"

#include <time.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <vector>

#include "base/random.hpp"
#include "profiler/recipes.hpp"

namespace forerun {
namespace {

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// What reading the clock itself adds.
double clock_cost() {
  static const double cost = [] {
    std::vector<double> costs;
    for (int i = 0; i < 101; ++i) {
      const double before = thread_seconds();
      costs.push_back(thread_seconds() - before);
    }
    std::nth_element(costs.begin(), costs.begin() + 50, costs.end());
    return costs[50];
  }();
  return cost;
}

// Numbers of one type in a ring: whoever takes some takes those that were taken longest ago.
template <class T>
class Ring {
 public:
  explicit Ring(std::size_t count) : numbers_(count) {}

  std::span<T> take(std::int64_t elements) {
    constexpr std::size_t line = 64 / sizeof(T);
    const auto count = static_cast<std::size_t>(elements);
    assert(count <= numbers_.size());
    if (next_ + count > numbers_.size()) next_ = 0;
    const std::span<T> taken(numbers_.data() + next_, count);
    next_ += (count + line - 1) / line * line;
    return taken;
  }
  // Room for all that one run takes; not while spans are in use.
  void hold(const std::vector<std::int64_t>& counts) {
    std::size_t all = 0;
    for (const std::int64_t count : counts) all += static_cast<std::size_t>(count) + 64;
    if (all > numbers_.size()) numbers_.resize(all);
  }
  std::vector<T>& numbers() { return numbers_; }

 private:
  std::vector<T> numbers_;
  std::size_t next_ = 0;
};

// A rank's memory in one format. What is read is never written, so that sums stay within bounds.
template <class T>
struct Memory {
  Ring<T> read, written;
  Ring<Arithmetic<T>> sums;

  Memory(Bytes pool, Random random)
      : read(static_cast<std::size_t>(pool.value() / 2) / sizeof(T)),
        written(static_cast<std::size_t>(pool.value() / 4) / sizeof(T)),
        sums(static_cast<std::size_t>(pool.value() / 4) / sizeof(Arithmetic<T>)) {
    fill(read.numbers(), random);
    std::fill(sums.numbers().begin(), sums.numbers().end(), Arithmetic<T>(0.01));
  }

 private:
  // Uniform from -1 to 1; a block of them over and over, since drawing each would take seconds.
  static void fill(std::vector<T>& numbers, Random random) {
    const std::size_t block = std::min<std::size_t>(numbers.size(), 99991);
    for (std::size_t i = 0; i < block; ++i) numbers[i] = T(static_cast<Arithmetic<T>>(2 * random.uniform() - 1));
    for (std::size_t i = block; i < numbers.size(); ++i) numbers[i] = numbers[i - block];
  }
};

template <class T>
class CpuCase final : public PreparedCase {
 public:
  CpuCase(Backend& on, const KernelCase& one, Memory<T>& memory)
      : recipe_(recipe<T>(on, one)), operators_(on.operators<T>()), memory_(memory) {
    std::vector<std::int64_t> read = recipe_.cold;
    read.insert(read.end(), recipe_.warm.begin(), recipe_.warm.end());
    memory_.read.hold(read);
    memory_.written.hold(recipe_.out);
    memory_.sums.hold(recipe_.sums);
  }

  Seconds run() override {
    take(recipe_.cold, operands_.cold, memory_.read);
    take(recipe_.warm, operands_.warm, memory_.read);
    take(recipe_.out, operands_.out, memory_.written);
    take(recipe_.sums, operands_.sums, memory_.sums);
    for (const std::span<const T> tensor : operands_.warm) touch(tensor);
    const double before = thread_seconds();
    recipe_.run(operators_, operands_);
    return Seconds{std::max(0.0, thread_seconds() - before - clock_cost())};
  }

 private:
  template <class Spans, class Number>
  static void take(const std::vector<std::int64_t>& counts, Spans& into, Ring<Number>& from) {
    into.clear();
    for (const std::int64_t count : counts) into.push_back(from.take(count));
  }

  void touch(std::span<const T> tensor) {
    Arithmetic<T> sum = 0;
    for (const T number : tensor) sum += Arithmetic<T>(number);
    keep_ = sum;
  }

  Recipe<T> recipe_;
  Operators<T>& operators_;
  Memory<T>& memory_;
  Operands<T> operands_;
  volatile Arithmetic<T> keep_ = 0;
};

class CpuSampler final : public Sampler {
 public:
  CpuSampler(int ranks, Bytes pool, std::uint64_t seed)
      : pool_(pool), seed_(seed), memories_(static_cast<std::size_t>(ranks)) {}

  [[nodiscard]] std::string library() const override { return "forerun"; }
  [[nodiscard]] int ranks() const override { return static_cast<int>(memories_.size()); }
  std::unique_ptr<PreparedCase> prepare(const KernelCase& one, int rank) override {
    assert(rank >= 0 && rank < ranks());
    Memories& own = memories_[static_cast<std::size_t>(rank)];
    const Random random = Random::stream(seed_, static_cast<std::uint64_t>(rank));
    switch (one.dtype) {
      case DType::fp64:
        return in(own, own.twofold, one, random);
      case DType::fp32:
        return in(own, own.single, one, random);
      default:
        assert(one.dtype == DType::bf16);
        return in(own, own.half, one, random);
    }
  }

 private:
  struct Memories {  // made where a case first needs them, by the thread that does
    std::unique_ptr<Memory<double>> twofold;
    std::unique_ptr<Memory<float>> single;
    std::unique_ptr<Memory<BFloat16>> half;
    std::unique_ptr<Backend> backend = make_cpu_backend();
  };

  template <class T>
  std::unique_ptr<PreparedCase> in(const Memories& own, std::unique_ptr<Memory<T>>& memory, const KernelCase& one,
                                   Random random) const {
    if (memory == nullptr) memory = std::make_unique<Memory<T>>(pool_, random);
    return std::make_unique<CpuCase<T>>(*own.backend, one, *memory);
  }

  Bytes pool_;
  std::uint64_t seed_;
  std::vector<Memories> memories_;
};

}  // namespace

Bytes cpu_pool(Bytes last_cache) {
  return max(Bytes{64.0 * (1 << 20)}, min(Bytes{256.0 * (1 << 20)}, 2.0 * last_cache));
}

std::unique_ptr<Sampler> make_cpu_sampler(int ranks, Bytes pool, std::uint64_t seed) {
  return std::make_unique<CpuSampler>(ranks, pool, seed);
}

}  // namespace forerun

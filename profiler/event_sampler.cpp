#include "profiler/event_sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>

#include "base/quantile.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "profiler/recipes.hpp"
#include "profiler/sweep.hpp"

namespace forerun {
namespace {

using Clock = std::chrono::steady_clock;
Seconds since(Clock::time_point from) { return Seconds{std::chrono::duration<double>(Clock::now() - from).count()}; }

constexpr std::int64_t line = 256;  // bytes that tensors begin at a multiple of
template <class T>
std::int64_t rounded(std::int64_t elements) {
  constexpr auto step = line / static_cast<std::int64_t>(sizeof(T));
  return (elements + step - 1) / step * step;
}
template <class T>
std::int64_t together(const std::vector<std::int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0},
                         [](std::int64_t sum, std::int64_t n) { return sum + rounded<T>(n); });
}

// Elements in the backend's memory, ever more of them.
template <class T>
class Region {
 public:
  explicit Region(Backend& on) : on_(on) {}
  ~Region() { give_back(); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // Whether it is new memory.
  bool hold(std::int64_t count) {
    if (count <= count_) return false;
    on_.finish();
    give_back();
    data_ = static_cast<T*>(on_.take(count * size));
    count_ = count;
    return true;
  }
  [[nodiscard]] std::span<T> all() const { return {data_, static_cast<std::size_t>(count_)}; }
  [[nodiscard]] std::span<T> part(std::int64_t first, std::int64_t count) const {
    return all().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  }

 private:
  static constexpr auto size = static_cast<std::int64_t>(sizeof(T));

  void give_back() {
    if (data_ != nullptr) on_.give_back(data_, count_ * size);
    data_ = nullptr, count_ = 0;
  }

  Backend& on_;
  T* data_ = nullptr;
  std::int64_t count_ = 0;
};

// Drawn on the host once; the device copies them until its memory is full.
template <class T>
void fill_with_normal_numbers(Backend& on, std::span<T> to, Random random) {
  constexpr std::size_t block = 999983;  // a prime, so that no two rows of a matrix are alike
  std::vector<T> drawn(std::min(block, to.size()));
  for (T& number : drawn) number = static_cast<Arithmetic<T>>(random.normal());
  put<T>(on, drawn, to.first(drawn.size()));
  for (std::size_t done = drawn.size(); done < to.size();) {
    const std::size_t more = std::min(done, to.size() - done);
    copy<T>(on, to.first(more), to.subspan(done, more));
    done += more;
  }
  on.finish();
}

// Of one format. What is read is never written.
template <class T>
struct Memory {
  Region<T> read, written;
  Region<Arithmetic<T>> sums;
  explicit Memory(Backend& on) : read(on), written(on), sums(on) {}
};

class Case : public PreparedCase {
 public:
  virtual void launch() = 0;                              // the next set, in line
  virtual Seconds batch(std::size_t launches) = 0;        // of one launch of so many in line
  [[nodiscard]] virtual std::size_t launches() const = 0;  // of a run
  [[nodiscard]] virtual Seconds by_host() const = 0;       // what the host takes to put one in line
};

}  // namespace

struct EventSampler::State {
  std::unique_ptr<Backend> backend;
  EventOptions options;
  Witness witness;
  Region<std::byte> pool{*backend};  // written over to empty the caches, and to keep the device busy
  Memory<double> twofold{*backend};
  Memory<float> single{*backend};
  Memory<BFloat16> half{*backend};
  Seconds clearing;                    // the pool
  std::size_t compared = 0, differ = 0;  // cases over 20 us that both clocks timed
  std::string trace_problem;
  double clocks = 0;  // sum of all readings
  std::size_t clock_readings = 0;

  State(std::unique_ptr<Backend> on, const EventOptions& o, Witness w)
      : backend(std::move(on)), options(o), witness(std::move(w)) {
    pool.hold(std::max<std::int64_t>(line, static_cast<std::int64_t>(options.pool.value())));
    constexpr int times = 10;
    clear_pool(2);
    backend->finish();
    backend->start_clock();
    const Mark from = backend->mark();
    clear_pool(times);
    const Mark to = backend->mark();
    clearing = Seconds{std::chrono::duration<double>(backend->reached(to) - backend->reached(from)).count() / times};
  }
  void clear_pool(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) clear<std::byte>(*backend, pool.all());
  }
};

namespace {

template <class T>
class EventCase final : public Case {
 public:
  EventCase(const KernelCase& one, EventSampler::State& state, Memory<T>& memory)
      : state_(state), on_(*state.backend), operators_(on_.operators<T>()), recipe_(recipe<T>(on_, one)) {
    lay_out(memory);
    launch();
    on_.finish();
    const std::size_t some = std::min<std::size_t>(3, state.options.fewest);
    launches_ = launches_of(batch(some), state.options);
    if (flops(one.kernel) >= state.options.hot_from) {
      for (const auto from = Clock::now(); since(from) < state.options.hot;) static_cast<void>(batch(launches_));
    }
    static_cast<void>(batch(launches_));  // finds out how long the host takes
    wait_for_host();
    readings_.clear();  // of a chip that was not warm
  }

  Seconds run() override {
    const Seconds time = batch(launches_);
    times_.push_back(time.value());
    return time;
  }

  void launch() override {
    recipe_.run(operators_, sets_[next_]);
    next_ = next_ + 1 == sets_.size() ? 0 : next_ + 1;
  }

  Seconds batch(std::size_t launches) override {
    on_.finish();
    on_.start_clock();
    state_.clear_pool(clears_);
    const Mark from = on_.mark();
    const auto began = Clock::now();
    for (std::size_t i = 0; i < launches; ++i) launch();
    by_host_ = since(began) / static_cast<double>(launches);
    const Mark to = on_.mark();
    if (state_.witness.read) read();
    last_ = Seconds{std::max(1e-9, std::chrono::duration<double>(on_.reached(to) - on_.reached(from)).count()) /
                    static_cast<double>(launches)};
    return last_;
  }

  [[nodiscard]] std::size_t launches() const override { return launches_; }
  [[nodiscard]] Seconds by_host() const override { return by_host_; }

  std::string notes() override {
    std::string text = fmt::format("launches={}", launches_);
    if (const std::string more = notes_of(readings_, state_.witness.most_clock); !more.empty()) text += ";" + more;
    if (const std::string more = trace(); !more.empty()) text += ";" + more;
    return text;
  }

 private:
  // While the batch runs; now and then, since the driver takes its time.
  void read() {
    constexpr Seconds often{0.02};
    if (!readings_.empty() && since(read_) < often) return;
    read_ = Clock::now();
    const GpuReading& now = readings_.emplace_back(state_.witness.read());
    if (now.sm_clock) state_.clocks += now.sm_clock->value(), ++state_.clock_readings;
  }

  // Sets of operands, one behind the other in each region: the same tensor has the same part in all runs, so that sums
  // stay sums.
  void lay_out(Memory<T>& memory) {
    const std::int64_t read = together<T>(recipe_.warm) + together<T>(recipe_.cold), written = together<T>(recipe_.out),
                       sums = together<Arithmetic<T>>(recipe_.sums);
    const double bytes = static_cast<double>(sizeof(T)) * static_cast<double>(read + written) +
                         static_cast<double>(sizeof(Arithmetic<T>)) * static_cast<double>(sums);
    const double wanted = std::ceil(state_.options.pool.value() / std::max(bytes, 1.0));
    const auto count = static_cast<std::int64_t>(std::clamp(wanted, 1.0, static_cast<double>(state_.options.most)));
    if (static_cast<double>(count) < wanted) clears_ = fewest_clears_ = 1;
    const std::uint64_t seed = state_.options.seed;
    if (memory.read.hold(count * read)) fill_with_normal_numbers<T>(on_, memory.read.all(), Random::stream(seed, 0));
    if (memory.written.hold(count * written))
      fill_with_normal_numbers<T>(on_, memory.written.all(), Random::stream(seed, 1));
    memory.sums.hold(count * sums);
    if (sums > 0) operators_.fill_sums(Arithmetic<T>(0.01), memory.sums.part(0, count * sums));
    for (std::int64_t i = 0; i < count; ++i) {
      Operands<T>& set = sets_.emplace_back();
      std::int64_t at = i * read;
      take<T>(recipe_.warm, set.warm, memory.read, at), take<T>(recipe_.cold, set.cold, memory.read, at);
      at = i * written;
      take<T>(recipe_.out, set.out, memory.written, at);
      at = i * sums;
      take<Arithmetic<T>>(recipe_.sums, set.sums, memory.sums, at);
    }
  }
  template <class Number, class Spans>
  static void take(const std::vector<std::int64_t>& counts, Spans& into, const Region<Number>& from, std::int64_t& at) {
    for (const std::int64_t count : counts) {
      into.push_back(from.part(at, count));
      at += rounded<Number>(count);
    }
  }

  // Work before the batch that lasts as long as the host takes to put it in line, where it would be what is measured.
  void wait_for_host() {
    constexpr std::size_t most = 200;  // a stream of CUDA takes a thousand calls before it makes the host wait
    if (!on_.queues() || by_host_ < 0.5 * last_) return;
    const double needed = 1.5 * static_cast<double>(launches_) * (by_host_ / state_.clearing);
    clears_ = std::clamp(static_cast<std::size_t>(std::ceil(needed)), std::max<std::size_t>(1, fewest_clears_), most);
  }

  std::string trace() {
    if (!state_.witness.trace || !state_.trace_problem.empty() || times_.empty()) return "";
    constexpr std::size_t launches = 3;
    try {
      const std::vector<KernelRecord> records = state_.witness.trace([&] {
        for (std::size_t i = 0; i < launches; ++i) launch();
        on_.finish();
      });
      if (records.empty()) return "";
      const double traced =
          std::accumulate(records.begin(), records.end(), 0.0,
                          [](double sum, const KernelRecord& r) { return sum + r.duration.value(); }) /
          launches;
      std::string text = notes_of(records, launches);
      if (const double marked = quantile(times_, 0.5); marked > 20e-6) {
        ++state_.compared;
        if (std::abs(traced / marked - 1) > 0.1) ++state_.differ, text += ";clocks_differ";
      }
      return text;
    } catch (const std::runtime_error& error) {
      state_.trace_problem = error.what();
      return "";
    }
  }

  EventSampler::State& state_;
  Backend& on_;
  Operators<T>& operators_;
  Recipe<T> recipe_;
  std::vector<Operands<T>> sets_;
  std::vector<GpuReading> readings_;
  Clock::time_point read_;
  std::vector<double> times_;
  std::size_t next_ = 0, launches_ = 1, clears_ = 0, fewest_clears_ = 0;
  Seconds last_, by_host_;
};

std::unique_ptr<Case> case_of(const KernelCase& one, EventSampler::State& state) {
  switch (one.dtype) {
    case DType::fp64:
      return std::make_unique<EventCase<double>>(one, state, state.twofold);
    case DType::fp32:
      return std::make_unique<EventCase<float>>(one, state, state.single);
    default:
      assert(one.dtype == DType::bf16);
      return std::make_unique<EventCase<BFloat16>>(one, state, state.half);
  }
}

template <class Of>
double median_of(int runs, const Of& of) {
  std::vector<double> values;
  for (int i = 0; i < runs; ++i) values.push_back(of());
  return quantile(values, 0.5);
}

// The mean of what readings have of something; nothing where none has it.
template <class Get>
std::optional<double> mean(const std::vector<GpuReading>& readings, const Get& get) {
  double sum = 0;
  int count = 0;
  for (const GpuReading& reading : readings) {
    if (const auto& value = get(reading)) sum += value->value(), ++count;
  }
  return count == 0 ? std::nullopt : std::optional(sum / count);
}

}  // namespace

std::size_t launches_of(Seconds one, const EventOptions& o) {
  const double wanted =
      std::clamp(std::round(o.batch / one), static_cast<double>(o.fewest), static_cast<double>(o.most));
  return static_cast<std::size_t>(std::max(1.0, std::min(wanted, std::floor(o.longest / one))));
}

std::string notes_of(const std::vector<GpuReading>& readings, Hertz most_clock) {
  std::vector<std::string> notes;
  const auto clock = mean(readings, [](const GpuReading& r) { return r.sm_clock; });
  if (clock) notes.push_back(fmt::format("sm_clock={:.0f}", *clock / 1e6));
  if (const auto power = mean(readings, [](const GpuReading& r) { return r.power; }))
    notes.push_back(fmt::format("power={:.0f}", *power));
  std::optional<std::uint64_t> reasons;
  for (const GpuReading& reading : readings) {
    if (reading.throttle) reasons = reasons.value_or(0) | *reading.throttle;
  }
  if (reasons) notes.push_back(fmt::format("throttle={:#x}", *reasons));
  if (clock && *clock < 0.97 * most_clock.value()) notes.emplace_back("power_limited");
  return join(notes, ";");
}

std::string notes_of(const std::vector<KernelRecord>& records, std::size_t launches) {
  std::map<std::string, double> of_name;
  double all = 0;
  for (const KernelRecord& record : records)
    of_name[record.name] += record.duration.value(), all += record.duration.value();
  if (of_name.empty()) return "";
  const auto longest = std::ranges::max_element(of_name, {}, [](const auto& entry) { return entry.second; });
  const auto shown = std::ranges::find(records, longest->first, &KernelRecord::name);
  const auto n = static_cast<double>(launches);
  return fmt::format("kernel={};kernels={:.3g};registers={};shared={};cupti_us={:.2f}", longest->first,
                     static_cast<double>(records.size()) / n, shown->registers, shown->shared_memory, 1e6 * all / n);
}

EventSampler::EventSampler(std::unique_ptr<Backend> backend, const EventOptions& options, Witness witness)
    : state_(std::make_unique<State>(std::move(backend), options, std::move(witness))) {}
EventSampler::~EventSampler() = default;

std::unique_ptr<PreparedCase> EventSampler::prepare(const KernelCase& one, int /*rank*/) {
  return case_of(one, *state_);
}

std::vector<std::string> EventSampler::remarks() const {
  std::vector<std::string> list;
  if (!state_->trace_problem.empty()) list.push_back("kernels were not traced: " + state_->trace_problem);
  if (state_->differ > 0) {
    list.push_back(fmt::format(
        "events and CUPTI differ by more than 10 % for {} of {} kernels over 20 us: their rows say clocks_differ",
        state_->differ, state_->compared));
  }
  return list;
}

std::optional<Hertz> EventSampler::mean_clock() const {
  return state_->clock_readings == 0
             ? std::nullopt
             : std::optional(Hertz{state_->clocks / static_cast<double>(state_->clock_readings)});
}

LaunchCosts EventSampler::launch_costs() {
  const auto one = case_of(call_case(), *state_);
  Backend& on = *state_->backend;
  const Seconds in_line{median_of(21, [&] { return one->batch(state_->options.most).value(); })};
  const Seconds by_host = one->by_host();
  on.finish();
  return {.in_line = in_line, .by_host = by_host, .alone = Seconds{median_of(101, [&] {
                                                    const auto from = Clock::now();
                                                    one->launch();
                                                    on.finish();
                                                    return since(from).value();
                                                  })}};
}

double EventSampler::slowdown(const KernelCase& timed, const KernelCase& other) {
  // Twice: whatever one of them makes room for would take away what the other was given.
  std::unique_ptr<Case> front, behind;
  for (int i = 0; i < 2; ++i) {
    front = nullptr, behind = nullptr;
    front = case_of(timed, *state_), behind = case_of(other, *state_);
  }
  Backend& on = *state_->backend;
  constexpr int runs = 7;
  const double alone = median_of(runs, [&] { return front->run().value(); });
  const Seconds of_other = behind->run();
  const auto launches = static_cast<double>(front->launches());
  // Until the timed ones are done, were they twice as slow, and the host has put all in line.
  const auto companions = static_cast<std::size_t>(
      std::clamp(std::ceil(2.5 * launches * (alone + front->by_host().value()) / of_other.value()), 2.0, 500.0));
  const double beside = median_of(runs, [&] {
    on.finish();
    on.start_clock();
    on.use_lane(1);
    for (std::size_t i = 0; i < companions; ++i) behind->launch();
    on.use_lane(0);
    const Mark from = on.mark();
    for (std::size_t i = 0; i < front->launches(); ++i) front->launch();
    const Mark to = on.mark();
    return std::chrono::duration<double>(on.reached(to) - on.reached(from)).count() / launches;
  });
  on.finish();
  return beside / alone;
}

}  // namespace forerun

#include "profiler/collectives.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "base/quantile.hpp"
#include "base/shard_sizes.hpp"

namespace forerun {
namespace {

constexpr std::array<std::string_view, 5> kinds{"all_reduce", "all_gather", "reduce_scatter", "alltoall", "sendrecv"};

// One collective with its tensors.
class Call {
 public:
  Call(Communicator& ranks, const CollectiveCase& c)
      : ranks_(ranks), kind_(c.kind), whole_(static_cast<std::size_t>(c.bytes.value()) / sizeof(float) / static_cast<std::size_t>(ranks.size()) * static_cast<std::size_t>(ranks.size()), 1.0F),
        part_(kind_ == "alltoall" || kind_ == "sendrecv" ? whole_.size() : whole_.size() / static_cast<std::size_t>(ranks.size())),
        counts_(static_cast<std::size_t>(ranks.size()), static_cast<std::int64_t>(whole_.size()) / ranks.size()) {}

  void operator()() {
    const std::span<float> whole(whole_), part(part_);
    if (kind_ == "all_reduce") ranks_.all_reduce(whole, Reduction::largest);
    if (kind_ == "all_gather") ranks_.all_gather(part, whole);
    if (kind_ == "reduce_scatter") ranks_.reduce_scatter(whole, part, Reduction::sum);
    if (kind_ == "alltoall") ranks_.all_to_all(whole, counts_, part, counts_);
    if (kind_ == "sendrecv") there_and_back(whole, part);
  }

 private:
  void there_and_back(std::span<float> whole, std::span<float> part) {
    if (ranks_.rank() == 0) {
      ranks_.send(1, whole);
      ranks_.receive(1, part);
    } else if (ranks_.rank() == 1) {
      ranks_.receive(0, part);
      ranks_.send(0, part);
    }
  }

  Communicator& ranks_;
  std::string_view kind_;
  std::vector<float> whole_, part_;
  std::vector<std::int64_t> counts_;
};

}  // namespace

std::vector<CollectiveCase> plan_collectives(int ranks, Bytes largest, int per_octave) {
  std::vector<CollectiveCase> cases;
  for (const std::string_view kind : kinds) {
    for (int i = 0;; ++i) {
      const double bytes = std::exp2(10 + static_cast<double>(i) / per_octave);
      if (Bytes{bytes} > largest) break;
      const double grain = sizeof(float) * static_cast<double>(ranks);
      cases.push_back({kind, ranks, Bytes{std::ceil(bytes / grain) * grain}});
    }
  }
  return cases;
}

Seconds time_collective(Communicator& ranks, const CollectiveCase& c, Seconds budget) {
  using Clock = std::chrono::steady_clock;
  Call call(ranks, c);
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  const auto once = [&] {
    ranks.barrier();
    const auto before = Clock::now();
    call();
    return seconds(Clock::now() - before);
  };
  call();
  // The first rank says how often, for all.
  const auto begin = Clock::now();
  for (int i = 0; i < 3; ++i) once();
  std::array<std::int64_t, 1> runs{ranks.rank() == 0 ? std::clamp<std::int64_t>(std::llround(3 * budget.value() / std::max(seconds(Clock::now() - begin), 1e-7)), 7, 400) : 0};
  std::array<double, 1> shared{static_cast<double>(runs[0])};
  ranks.all_reduce(std::span<double>(shared), Reduction::largest);
  std::vector<double> times;
  for (std::int64_t i = 0; i < std::llround(shared[0]); ++i) times.push_back(once());
  return Seconds{quantile(times, 0.5) / (c.kind == "sendrecv" ? 2 : 1)};
}

}  // namespace forerun

#include "profiler/collectives.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "base/quantile.hpp"
#include "base/shard_sizes.hpp"

namespace forerun {
namespace {

constexpr std::array<std::string_view, 5> kinds{"allreduce", "allgather", "reducescatter", "alltoall", "sendrecv"};

// One collective with its tensors.
class Call {
 public:
  Call(Communicator& ranks, const CollectiveCase& c)
      : ranks_(ranks),
        kind_(c.kind),
        whole_(static_cast<std::size_t>(c.bytes.value()) / sizeof(float) / static_cast<std::size_t>(ranks.size()) *
                   static_cast<std::size_t>(ranks.size()),
               1.0F),
        part_(kind_ == "alltoall" || kind_ == "sendrecv" ? whole_.size()
                                                         : whole_.size() / static_cast<std::size_t>(ranks.size())),
        counts_(static_cast<std::size_t>(ranks.size()), static_cast<std::int64_t>(whole_.size()) / ranks.size()) {}

  void operator()() {
    const std::span<float> whole(whole_), part(part_);
    if (kind_ == "allreduce") ranks_.all_reduce(whole, Reduction::largest);
    if (kind_ == "allgather") ranks_.all_gather(part, whole);
    if (kind_ == "reducescatter") ranks_.reduce_scatter(whole, part, Reduction::sum);
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

namespace {

// Of the i-th call on each rank.
double spent(std::span<const double> begins, std::span<const double> ends, std::size_t ranks, std::size_t i) {
  const std::size_t calls = begins.size() / ranks;
  double last_begin = begins[i], last_end = ends[i];
  for (std::size_t rank = 1; rank < ranks; ++rank) {
    last_begin = std::max(last_begin, begins[rank * calls + i]);
    last_end = std::max(last_end, ends[rank * calls + i]);
  }
  return last_end - last_begin;
}

std::vector<double> of_all(Communicator& ranks, std::vector<double>& mine) {
  std::vector<double> all(mine.size() * static_cast<std::size_t>(ranks.size()));
  ranks.all_gather(std::span<double>(mine), std::span<double>(all));
  return all;
}

}  // namespace

Seconds time_collective(Communicator& ranks, const CollectiveCase& c, Seconds budget) {
  Call call(ranks, c);
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  std::vector<double> begins, ends;
  const auto once = [&] {
    ranks.barrier();
    begins.push_back(now());
    call();
    ends.push_back(now());
  };
  for (int i = 0; i < 3; ++i) once();
  // The slowest rank says how often, for all.
  std::array<double, 1> each{(ends.back() - begins.front()) / 3};
  ranks.all_reduce(std::span<double>(each), Reduction::largest);
  begins.clear(), ends.clear();
  const auto calls = static_cast<std::size_t>(std::clamp(budget.value() / std::max(each[0], 1e-7), 7.0, 400.0));
  while (begins.size() < calls) once();
  const std::vector<double> all_begins = of_all(ranks, begins), all_ends = of_all(ranks, ends);
  std::vector<double> times;
  for (std::size_t i = 0; i < calls; ++i)
    times.push_back(spent(all_begins, all_ends, static_cast<std::size_t>(ranks.size()), i));
  return Seconds{std::max(1e-9, quantile(times, 0.5)) / (c.kind == "sendrecv" ? 2 : 1)};
}

}  // namespace forerun

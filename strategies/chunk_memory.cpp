#include "strategies/chunk_memory.hpp"

#include <algorithm>

#include "strategies/chunks.hpp"

namespace forerun {
namespace {

constexpr std::size_t index(MemoryKind kind) { return static_cast<std::size_t>(kind); }

// Walks the units of a chunk.
class Walk {
 public:
  explicit Walk(PassMemory& memory) : memory_(memory) { memory = {}; }

  // What crosses the border of the chunk is alive from here on (a negative number: no longer).
  void add(Bytes bytes, MemoryKind kind) {
    now_ += bytes, by_kind_[index(kind)] += bytes;
    if (now_ > memory_.peak) memory_.peak = now_, memory_.at_peak = by_kind_;
    memory_.left = now_;
  }
  // `n` equal units.
  void run(const PassPrice& pass, int n) {
    const Bytes first = now_ + pass.peak, last = now_ + (n - 1.0) * pass.left + pass.peak;
    if (max(first, last) > memory_.peak) {
      memory_.peak = max(first, last);
      memory_.at_peak = by_kind_;
      memory_.at_peak[index(MemoryKind::activations)] += last > first ? (n - 1.0) * pass.left : Bytes{0};
      for (std::size_t k = 0; k < memory_kinds; ++k) memory_.at_peak[k] += pass.at_peak[k];
    }
    now_ += static_cast<double>(n) * pass.left;
    by_kind_[index(MemoryKind::activations)] += static_cast<double>(n) * pass.left;
    memory_.left = now_;
  }

 private:
  PassMemory& memory_;
  Bytes now_;
  std::array<Bytes, memory_kinds> by_kind_{};
};

double parameters(const BlockPrice& price) { return static_cast<double>(price.parameters + price.expert_parameters); }

// Unit by unit where units differ from their neighbours by what is gathered, scattered or away.
void walk_units(const std::vector<const BlockPrice*>& units, PassKind kind, const ShardedUnits& sharded, Walk& walk) {
  const bool gathers = kind != PassKind::weight_gradient, scatters = kind == PassKind::backward || kind == PassKind::weight_gradient;
  const auto gathered = [&](std::size_t i) { return gathers ? parameters(*units[i]) * sharded.gathered : Bytes{0}; };
  const auto gradients = [&](std::size_t i) { return scatters ? parameters(*units[i]) * sharded.gradients : Bytes{0}; };
  const std::size_t n = units.size();
  const bool back = kind != PassKind::forward && gathers;
  for (std::size_t i = 0; i < n; ++i) {
    if (i == 0 || !sharded.ahead) walk.add(gathered(i), MemoryKind::gathered);
    if (i + 1 < n && sharded.ahead) walk.add(gathered(i + 1), MemoryKind::gathered);
    if (sharded.offloaded && back) {
      if (i == 0) walk.add(units[i]->saved, MemoryKind::activations);
      if (i + 1 < n) walk.add(units[i + 1]->saved, MemoryKind::activations);
    }
    walk.add(gradients(i), MemoryKind::gathered);
    walk.run(units[i]->pass(kind), 1);
    walk.add(-1.0 * gathered(i), MemoryKind::gathered);
    if (sharded.offloaded && kind == PassKind::forward && i > 0) walk.add(-1.0 * units[i - 1]->saved, MemoryKind::activations);
    if (sharded.ahead ? i > 0 : i + 1 < n) walk.add(-1.0 * gradients(sharded.ahead ? i - 1 : i), MemoryKind::gathered);
  }
  if (n > 0) walk.add(-1.0 * gradients(n - 1), MemoryKind::gathered);
  if (sharded.offloaded && kind == PassKind::forward && n > 0) walk.add(-1.0 * units[n - 1]->saved, MemoryKind::activations);
}

void pass_memory(const SplitPrices& prices, const StageLayout& layout, int chunk, PassKind kind, const ShardedUnits& sharded, Bytes received, Bytes sent, PassMemory& memory) {
  Walk walk(memory);
  const bool forward = kind == PassKind::forward;
  if (received > Bytes{0}) walk.add(received, MemoryKind::transient);
  if (sharded.gathered > Bytes{0} || sharded.gradients > Bytes{0} || sharded.offloaded) {
    std::vector<const BlockPrice*> units;
    const auto add = [&](const BlockPrice& price, int n) { units.insert(units.end(), static_cast<std::size_t>(n), &price); };
    if (forward) {
      layout.each_run(prices, chunk, add);
    } else {
      layout.each_run_back(prices, chunk, add);
    }
    walk_units(units, kind, sharded, walk);
  } else if (forward) {
    layout.each_run(prices, chunk, [&](const BlockPrice& price, int n) { walk.run(price.forward, n); });
  } else {
    layout.each_run_back(prices, chunk, [&](const BlockPrice& price, int n) { walk.run(price.pass(kind), n); });
  }
  if (sent > Bytes{0}) walk.add(-1.0 * sent, MemoryKind::transient);
}

}  // namespace

void chunk_memory(const SplitPrices& prices, const StageLayout& layout, const Plan& plan, int chunk, const ShardedUnits& sharded, bool splits_backward, ChunkMemory& memory) {
  const int stage = stage_of(plan, chunk);
  const auto crosses = [&](int other) { return other >= 0 && other < chunk_count(plan) && stage_of(plan, other) != stage ? prices.boundary : Bytes{0}; };
  const Bytes before = crosses(chunk - 1), after = crosses(chunk + 1);
  pass_memory(prices, layout, chunk, PassKind::forward, sharded, before, after, memory.forward);
  if (!splits_backward) return pass_memory(prices, layout, chunk, PassKind::backward, sharded, after, before, memory.backward);
  pass_memory(prices, layout, chunk, PassKind::backward, sharded, after, before, memory.backward);
  pass_memory(prices, layout, chunk, PassKind::input_gradient, sharded, after, before, memory.input_gradient);
  pass_memory(prices, layout, chunk, PassKind::weight_gradient, sharded, Bytes{0}, Bytes{0}, memory.weight_gradient);
}

StagePeak peak_of_waves(const ChunkMemory& own, std::int64_t in_flight) {
  StagePeak peak;
  const double n = static_cast<double>(in_flight);
  peak.consider((n - 1) * own.forward.left, own.forward);
  peak.consider(n * own.forward.left, own.backward);
  return peak;
}

StagePeak peak_of_interleaved(const std::vector<ChunkMemory>& own, int stages, int stage, std::int64_t micro_batches) {
  const std::int64_t k = stages, v = std::ssize(own), total = micro_batches * v;
  const std::int64_t warm_up = std::min(total, 2 * (k - stage - 1) + (v - 1) * k);
  StagePeak peak;
  Bytes now{0};
  const auto chunk = [&](std::int64_t pass) -> const ChunkMemory& { return own[static_cast<std::size_t>(pass / k % v)]; };
  const auto chunk_back = [&](std::int64_t pass) -> const ChunkMemory& { return own[static_cast<std::size_t>(v - 1 - pass / k % v)]; };
  const auto steps = [&](std::int64_t n, const auto& consider, Bytes step) {  // n equal steps; the highest is the first or the last
    consider(now);
    consider(now + static_cast<double>(n - 1) * step);
    now += static_cast<double>(n) * step;
  };
  for (std::int64_t pass = 0; pass < warm_up;) {
    const std::int64_t n = std::min(k - pass % k, warm_up - pass);
    const PassMemory& f = chunk(pass).forward;
    steps(n, [&](Bytes before) { peak.consider(before, f); }, f.left);
    pass += n;
  }
  // One whole turn of all chunks: after that everything repeats.
  const std::int64_t pairs = std::min(total - warm_up, k * v);
  for (std::int64_t pair = 0; pair < pairs;) {
    const std::int64_t n = std::min({k - (warm_up + pair) % k, k - pair % k, pairs - pair});
    const PassMemory &f = chunk(warm_up + pair).forward, &b = chunk_back(pair).backward;
    steps(n, [&](Bytes before) { peak.consider(before, f), peak.consider(before + f.left, b); }, f.left + b.left);
    pair += n;
  }
  for (std::int64_t pass = pairs, end = std::min(total, pairs + warm_up); pass < end;) {
    const std::int64_t n = std::min(k - pass % k, end - pass);
    const PassMemory& b = chunk_back(pass).backward;
    steps(n, [&](Bytes before) { peak.consider(before, b); }, b.left);
    pass += n;
  }
  return peak;
}

StagePeak peak_of_table(const std::vector<ChunkMemory>& own, const ScheduleTable& table, int stage) {
  StagePeak peak;
  Bytes now{0};
  for (const Pass& pass : table.of(stage)) {
    const PassMemory& memory = own[static_cast<std::size_t>(pass.chunk)].of(pass.kind);
    peak.consider(now, memory);
    now += memory.left;
  }
  return peak;
}

}  // namespace forerun

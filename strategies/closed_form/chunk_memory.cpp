#include "strategies/closed_form/chunk_memory.hpp"

#include <algorithm>
#include <limits>

namespace forerun {
namespace {

constexpr std::size_t index(MemoryKind kind) { return static_cast<std::size_t>(kind); }

// Walks the units of a chunk. A tensor between two units is of the kind that the one behind says; until the walk comes
// there, it is `pending`.
class Walk {
 public:
  explicit Walk(PassMemory& memory) : memory_(memory) { memory = {}; }

  // Comes or (a negative number) goes.
  void add(Bytes bytes, MemoryKind kind) {
    now_ += bytes, by_kind_[index(kind)] += bytes;
    consider(now_, by_kind_, pending_);
  }
  void receive(Bytes bytes) {
    now_ += bytes, pending_ += bytes;
    consider(now_, by_kind_, pending_);
  }
  // `n` equal units.
  void run(const PassPrice& pass, int n) {
    settle(pass.found);
    const double others = n - 1.0;
    std::array<Bytes, memory_kinds> first = by_kind_, last = by_kind_;
    for (std::size_t k = 0; k < memory_kinds; ++k) {
      const Bytes change = pass.at_end[k] + (k == index(pass.found) ? pass.made : Bytes{0});
      by_kind_[k] += others * change + pass.at_end[k];
      first[k] += pass.at_peak[k], last[k] += others * change + pass.at_peak[k];
    }
    if (n > 1) {
      first[index(pass.found)] += pass.made_at_peak;
      consider(now_ + pass.peak, first, Bytes{0});
    }
    consider(now_ + others * pass.left + pass.peak, last, pass.made_at_peak);
    now_ += static_cast<double>(n) * pass.left, pending_ = pass.made;
  }
  // What was made is of this kind; `sent`: it goes.
  void settle(MemoryKind kind, Bytes sent = Bytes{0}) {
    by_kind_[index(kind)] += pending_;
    memory_.at_peak[index(kind)] += pending_at_peak_;
    pending_ = pending_at_peak_ = Bytes{0};
    now_ -= sent, by_kind_[index(kind)] -= sent;
  }
  void finish() { memory_.left = now_, memory_.left_transient = by_kind_[index(MemoryKind::transient)]; }

  struct State {
    Bytes now;
    std::array<Bytes, memory_kinds> by_kind{};
  };
  [[nodiscard]] State state() const { return {now_, by_kind_}; }
  // `n` more of the last step, which began at `start` and between equal units changes memory by equal amounts: the
  // highest is the last of them, or none.
  template <class Step>
  void repeat(const State& start, int n, Step step) {
    const bool rises = now_ > start.now && n > 0;
    const double skipped = rises ? n - 1 : n;
    now_ += skipped * (now_ - start.now);
    for (std::size_t k = 0; k < memory_kinds; ++k) by_kind_[k] += skipped * (by_kind_[k] - start.by_kind[k]);
    if (rises) step();
  }

 private:
  void consider(Bytes sum, const std::array<Bytes, memory_kinds>& by_kind, Bytes pending) {
    if (sum > memory_.peak) memory_.peak = sum, memory_.at_peak = by_kind, pending_at_peak_ = pending;
  }

  PassMemory& memory_;
  Bytes now_, pending_, pending_at_peak_;
  std::array<Bytes, memory_kinds> by_kind_{};  // without what is pending
};

double trained(const BlockPrice& price) {
  return static_cast<double>(price.parameters + price.expert_parameters + price.borrowed);
}
double all(const BlockPrice& price) {
  return trained(price) + static_cast<double>(price.frozen + price.frozen_experts + price.borrowed_frozen);
}

// The script of a pass as memory that comes and goes.
class UnitMemory {
 public:
  UnitMemory(PassKind kind, const ShardedUnits& sharded, Walk& walk) : kind_(kind), sharded_(sharded), walk_(walk) {}

  void gather(const BlockPrice& unit) { walk_.add(gathered(unit), MemoryKind::gathered); }
  void wait_gather(const BlockPrice&) {}
  void release(const BlockPrice& unit) { walk_.add(-1.0 * gathered(unit), MemoryKind::gathered); }
  void fetch(const BlockPrice& unit) { walk_.add(unit.saved, MemoryKind::activations); }
  void wait_fetch(const BlockPrice&) {}
  void keep_early(const BlockPrice& unit) { walk_.add(early(unit), MemoryKind::activations); }
  void make_room(const BlockPrice& unit) { walk_.add(gradients(unit), MemoryKind::gathered); }
  void take_early(const BlockPrice& unit) { walk_.add(-1.0 * early(unit), MemoryKind::activations); }
  void run(const BlockPrice& unit) { walk_.run(unit.pass(kind_), 1); }
  void copy_out(const BlockPrice&) {}
  void settle(const BlockPrice& unit) { walk_.add(-1.0 * unit.saved, MemoryKind::activations); }
  void scatter(const BlockPrice&) {}
  void wait_scatter(const BlockPrice& unit) { walk_.add(-1.0 * gradients(unit), MemoryKind::gathered); }

 private:
  [[nodiscard]] Bytes gathered(const BlockPrice& unit) const {
    return kind_ == PassKind::forward || unit.runs_backward ? all(unit) * sharded_.gathered : Bytes{0};
  }
  [[nodiscard]] Bytes gradients(const BlockPrice& unit) const { return trained(unit) * sharded_.gradients; }
  [[nodiscard]] Bytes early(const BlockPrice& unit) const {
    return static_cast<double>(unit.early) * sharded_.gradients;
  }

  PassKind kind_;
  const ShardedUnits& sharded_;
  Walk& walk_;
};

// Walks the script over all units. Of equal units the first, the second and the last are walked: between them memory
// moves in equal steps.
void walk_script(const UnitScript& script, const std::vector<UnitRun>& runs, UnitMemory& memory, Walk& walk) {
  const BlockPrice* before = nullptr;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const BlockPrice *here = runs[r].unit, *behind = r + 1 < runs.size() ? runs[r + 1].unit : nullptr;
    for (int i = 0; i < runs[r].n; ++i) {
      const bool last = i + 1 == runs[r].n;
      const Walk::State start = walk.state();
      script.step(before, *here, last ? behind : here, memory);
      before = here;
      if (i == 0 || last) continue;
      const int alike = runs[r].n - 2 - i;
      walk.repeat(start, alike, [&] { script.step(here, *here, here, memory); });
      i += alike;
    }
  }
  if (before != nullptr) script.finish(*before, memory);
}

class ChunkWalker {
 public:
  ChunkWalker(const SplitPrices& prices, const StageLayout::ChunkKind& chunk, const ShardedUnits& sharded,
              std::vector<UnitRun>& scratch)
      : prices_(prices), chunk_(chunk), sharded_(sharded), runs_(scratch) {}

  void operator()(PassKind kind, Bytes received, Bytes sent, PassMemory& memory) {
    Walk walk(memory);
    const std::optional<UnitRef>& behind = kind == PassKind::forward ? chunk_.hands_on : chunk_.hands_back;
    if (received > Bytes{0}) walk.receive(received);
    if (sharded_.any()) {
      runs_.clear();
      in_turn(kind, [&](const BlockPrice& price, int n) { runs_.push_back({&price, n}); });
      UnitMemory units(kind, sharded_, walk);
      walk_script(sharded_.script(kind), runs_, units, walk);
    } else {
      in_turn(kind, [&](const BlockPrice& price, int n) { walk.run(price.pass(kind), n); });
    }
    walk.settle(behind ? prices_.unit(*behind).pass(kind).found : MemoryKind::transient, sent);
    walk.finish();
  }

 private:
  template <class Run>
  void in_turn(PassKind kind, Run run) const {
    kind == PassKind::forward ? each_run(chunk_.runs, prices_, run) : each_run_back(chunk_.runs, prices_, run);
  }

  const SplitPrices& prices_;
  const StageLayout::ChunkKind& chunk_;
  const ShardedUnits& sharded_;
  std::vector<UnitRun>& runs_;
};

// The passes of a stage in turn: K of a chunk, then K of the next one, round and round.
class Turns {
 public:
  Turns(const OwnChunks& own, int stages, bool back) : own_(own), stages_(stages), back_(back) { look(); }

  [[nodiscard]] const ChunkMemory& chunk() const { return own_[local()]; }
  // Passes until a chunk of another kind has its turn.
  [[nodiscard]] std::int64_t left() const { return left_; }
  void advance(std::int64_t n) {
    left_ -= n;
    if (left_ > 0) return;
    turn_ = end_;
    look();
  }

 private:
  [[nodiscard]] std::size_t local() const { return back_ ? own_.size() - 1 - turn_ : turn_; }
  void look() {
    if (turn_ == own_.size()) turn_ = 0;
    const int kind = own_.kinds[local()];
    for (end_ = turn_ + 1; end_ < own_.size() && own_.kinds[back_ ? own_.size() - 1 - end_ : end_] == kind;) ++end_;
    const bool only = turn_ == 0 && end_ == own_.size();
    left_ = only ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(end_ - turn_) * stages_;
  }

  const OwnChunks& own_;
  std::int64_t stages_, left_ = 0;
  bool back_;
  std::size_t turn_ = 0, end_ = 0;
};

}  // namespace

void chunk_memory(const SplitPrices& prices, const StageLayout::ChunkKind& kind, const ShardedUnits& sharded,
                  bool splits_backward, std::vector<UnitRun>& scratch, ChunkMemory& memory) {
  const Bytes before = kind.sends_back ? prices.boundary : Bytes{0}, after = kind.sends_on ? prices.boundary : Bytes{0};
  ChunkWalker walk(prices, kind, sharded, scratch);
  walk(PassKind::forward, before, after, memory.forward);
  walk(PassKind::backward, after, before, memory.backward);
  if (!splits_backward) return;
  walk(PassKind::input_gradient, after, before, memory.input_gradient);
  walk(PassKind::weight_gradient, Bytes{0}, Bytes{0}, memory.weight_gradient);
}

StagePeak peak_of_waves(const ChunkMemory& own, std::int64_t in_flight) {
  StagePeak peak;
  const double n = static_cast<double>(in_flight);
  peak.consider((n - 1) * own.forward.left, own.forward);
  peak.consider(n * own.forward.left, own.backward);
  return peak;
}

StagePeak peak_of_interleaved(const OwnChunks& own, int stages, int stage, std::int64_t micro_batches) {
  const std::int64_t k = stages, v = static_cast<std::int64_t>(own.size()), total = micro_batches * v;
  const std::int64_t warm_up = std::min(total, 2 * (k - stage - 1) + (v - 1) * k);
  StagePeak peak;
  Bytes now{0};
  const auto steps = [&](std::int64_t n, const auto& consider,
                         Bytes step) {  // n equal steps; the highest is the first or the last
    consider(now);
    if (n > 1) consider(now + static_cast<double>(n - 1) * step);
    now += static_cast<double>(n) * step;
  };
  Turns forward(own, stages, false), backward(own, stages, true);
  for (std::int64_t left = warm_up; left > 0;) {
    const std::int64_t n = std::min(forward.left(), left);
    const PassMemory& f = forward.chunk().forward;
    steps(n, [&](Bytes before) { peak.consider(before, f); }, f.left);
    forward.advance(n), left -= n;
  }
  // One whole turn of all chunks: after that everything repeats.
  const std::int64_t pairs = std::min(total - warm_up, k * v);
  for (std::int64_t left = pairs; left > 0;) {
    const std::int64_t n = std::min({forward.left(), backward.left(), left});
    const PassMemory &f = forward.chunk().forward, &b = backward.chunk().backward;
    steps(n, [&](Bytes before) { peak.consider(before, f), peak.consider(before + f.left, b); }, f.left + b.left);
    forward.advance(n), backward.advance(n), left -= n;
  }
  for (std::int64_t left = std::min(total - pairs, warm_up); left > 0;) {
    const std::int64_t n = std::min(backward.left(), left);
    const PassMemory& b = backward.chunk().backward;
    steps(n, [&](Bytes before) { peak.consider(before, b); }, b.left);
    backward.advance(n), left -= n;
  }
  return peak;
}

StagePeak peak_of_table(const OwnChunks& own, const ScheduleTable& table, int stage) {
  StagePeak peak;
  Bytes now{0}, transient{0};  // from one pass to another: what a chunk hands on to the next one of its stage
  for (const Pass& pass : table.of(stage)) {
    const PassMemory& memory = own[static_cast<std::size_t>(pass.chunk)].of(pass.kind);
    peak.consider(now, memory, transient);
    now += memory.left, transient += memory.left_transient;
  }
  return peak;
}

}  // namespace forerun

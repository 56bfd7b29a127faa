// A schedule drawn on paper: every pass after the one before it on its stage and after what it needs from other stages.
// Written from the definitions, without the code under test: a longest path over all passes.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <vector>

#include "strategies/plan/plan.hpp"
#include "strategies/schedules/pipeline_time.hpp"
#include "strategies/schedules/schedule_table.hpp"

namespace forerun::test {

struct DrawnSchedule {
  std::vector<double> start, end;  // of each pass of the table
  std::vector<double> stage_start, stage_end;
  bool ends = true;  // false: some passes wait for each other in a circle

  [[nodiscard]] double makespan() const { return *std::max_element(stage_end.begin(), stage_end.end()); }
  [[nodiscard]] double longest_stage() const {
    double longest = 0;
    for (std::size_t s = 0; s < stage_end.size(); ++s) longest = std::max(longest, stage_end[s] - stage_start[s]);
    return longest;
  }
};

// Where a stage's own chunk stands in the order of the layers. ZB-V: down the stages and up again. DualPipe: chunk 0
// goes down, chunk 1 up.
inline int place_in_layers(ScheduleKind kind, int stages, int stage, int chunk) {
  if (kind == ScheduleKind::zb_v) return chunk == 0 ? stage : 2 * stages - 1 - stage;
  if (kind == ScheduleKind::dualpipe) return chunk == 0 ? stage : stages - 1 - stage;
  return chunk * stages + stage;
}

inline double duration(const PassTimes& t, int stage, const Pass& pass) {
  const auto i = static_cast<std::size_t>(stage * t.chunks + pass.chunk);
  switch (pass.kind) {
    case PassKind::forward:
      return t.forward[i].value();
    case PassKind::backward:
      return t.backward[i].value();
    case PassKind::input_gradient:
      return t.input_gradient[i].value();
    case PassKind::weight_gradient:
      return t.weight_gradient[i].value();
  }
  return 0;
}

class ScheduleDrawing {
 public:
  ScheduleDrawing(ScheduleKind kind, const ScheduleTable& table, const PassTimes& times)
      : kind_(kind), table_(table), t_(times) {
    const int places = kind == ScheduleKind::dualpipe ? table.stages : table.stages * table.chunks_per_stage;
    successors_.resize(table.passes.size()), missing_.assign(table.passes.size(), 0),
        stage_.resize(table.passes.size());
    std::map<Data, std::size_t> activation, gradient;
    for_each([&](std::size_t i, int stage, const Pass& pass) {
      stage_[i] = stage;
      if (pass.kind == PassKind::forward) activation[data(stage, pass)] = i;
      if (pass.kind == PassKind::backward || pass.kind == PassKind::input_gradient) gradient[data(stage, pass)] = i;
    });
    for_each([&](std::size_t i, int stage, const Pass& pass) {
      if (i > table.first[static_cast<std::size_t>(stage)]) after(i - 1, i, 0);
      const auto [up, place, micro_batch] = data(stage, pass);
      if (pass.kind == PassKind::forward) {
        if (place > 0) need(activation, {up, place - 1, micro_batch}, i);
      } else if (pass.kind == PassKind::weight_gradient) {
        need(gradient, data(stage, pass), i);
      } else {
        need(activation, data(stage, pass), i);
        if (place + 1 < places) need(gradient, {up, place + 1, micro_batch}, i);
      }
    });
  }

  DrawnSchedule draw() {
    DrawnSchedule drawn;
    drawn.start.assign(stage_.size(), 0), drawn.end.assign(stage_.size(), 0);
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < stage_.size(); ++i) {
      if (missing_[i] == 0) ready.push_back(i);
    }
    std::size_t done = 0;
    for (; done < ready.size(); ++done) {
      const std::size_t i = ready[done];
      drawn.end[i] = drawn.start[i] + duration(t_, stage_[i], table_.passes[i]);
      for (const auto& [next, delay] : successors_[i]) {
        drawn.start[next] = std::max(drawn.start[next], drawn.end[i] + delay);
        if (--missing_[next] == 0) ready.push_back(next);
      }
    }
    drawn.ends = done == stage_.size();
    for (int s = 0; s < table_.stages; ++s) {
      const std::size_t first = table_.first[static_cast<std::size_t>(s)],
                        last = table_.first[static_cast<std::size_t>(s) + 1];
      drawn.stage_start.push_back(first == last ? 0 : drawn.start[first]);
      drawn.stage_end.push_back(first == last ? 0 : drawn.end[last - 1]);
    }
    return drawn;
  }

 private:
  using Data = std::tuple<int, int, int>;  // direction, place in the order of the layers, micro-batch

  [[nodiscard]] Data data(int stage, const Pass& pass) const {
    return {kind_ == ScheduleKind::dualpipe ? pass.chunk : 0, place_in_layers(kind_, table_.stages, stage, pass.chunk),
            pass.micro_batch};
  }
  template <class Visit>
  void for_each(Visit visit) const {
    for (int s = 0; s < table_.stages; ++s) {
      for (std::size_t i = table_.first[static_cast<std::size_t>(s)]; i < table_.first[static_cast<std::size_t>(s) + 1];
           ++i)
        visit(i, s, table_.passes[i]);
    }
  }
  void after(std::size_t before, std::size_t i, double delay) {
    successors_[before].emplace_back(i, delay), ++missing_[i];
  }
  void need(const std::map<Data, std::size_t>& made, const Data& what, std::size_t i) {
    const auto found = made.find(what);
    if (found == made.end()) {
      ++missing_[i];  // never
    } else {
      after(found->second, i,
            stage_[found->second] == stage_[i] ? 0 : t_.link(stage_[found->second], stage_[i]).value());
    }
  }

  ScheduleKind kind_;
  const ScheduleTable& table_;
  const PassTimes& t_;
  std::vector<int> stage_, missing_;
  std::vector<std::vector<std::pair<std::size_t, double>>> successors_;
};

inline DrawnSchedule draw(ScheduleKind kind, const ScheduleTable& table, const PassTimes& times) {
  return ScheduleDrawing(kind, table, times).draw();
}

// Most micro-batches of saved activations that a stage holds, all of its chunks together: a forward saves 1, its B
// gives back `released`, its W the rest.
inline double most_held(const ScheduleTable& table, int stage, double released = 1) {
  double held = 0, most = 0;
  for (const Pass& pass : table.of(stage)) {
    if (pass.kind == PassKind::forward) held += 1;
    if (pass.kind == PassKind::backward) held -= 1;
    if (pass.kind == PassKind::input_gradient) held -= released;
    if (pass.kind == PassKind::weight_gradient) held -= 1 - released;
    most = std::max(most, held);
  }
  return most;
}

// Equal stages; per stage, spread evenly over its chunks.
inline PassTimes equal_times(int stages, int chunks, double forward, double input_gradient, double weight_gradient,
                             double link = 0) {
  PassTimes t;
  t.assign(stages, chunks);
  for (std::size_t i = 0; i < t.forward.size(); ++i) {
    t.forward[i] = Seconds{forward / chunks}, t.input_gradient[i] = Seconds{input_gradient / chunks},
    t.weight_gradient[i] = Seconds{weight_gradient / chunks};
    t.backward[i] = t.input_gradient[i] + t.weight_gradient[i];
  }
  t.link_all(Seconds{link});
  return t;
}

}  // namespace forerun::test

#include "executor/ranks/rank_clock.hpp"

#include <algorithm>
#include <utility>

#include "executor/ranks/measured_trace.hpp"
#include "strategies/programs/describe_work.hpp"

namespace forerun {
namespace {

std::string_view kind_of(Lane lane, bool stops) {
  if (stops) return "waited for";
  return lane == Lane::compute ? "compute" : "communication";
}

}  // namespace

void RankClock::begin_step(bool records) {
  records_ = records;
  times_ = {};
  intervals_.clear();
  origin_ = context_.backend.start_clock();
}

void RankClock::end_step() {
  context_.backend.finish();
  step_ = Clock::now() - origin_;
  settle();
}

RankClock::Timed RankClock::start(Lane lane, bool stops, Account account) {
  return {.account = account,
          .begin = context_.backend.mark(),
          .end = {},
          .name = records_ ? &name_of_instruction() : nullptr,
          .track = track_of(lane, stops),
          .kind = kind_of(lane, stops)};
}

void RankClock::time(Lane lane, bool stops, Account account, const std::function<void()>& work) {
  Timed one = start(lane, stops, account);
  work();
  one.end = context_.backend.mark();
  timed_.push_back(one);
}

std::shared_ptr<RankClock::Timed> RankClock::beside(int lane, Lane drawn, const std::function<void()>& work) {
  Backend& backend = context_.backend;
  const Mark ready = backend.mark();
  backend.use_lane(lane);
  backend.follow(ready);
  auto one = std::make_shared<Timed>(start(drawn, false, {}));
  work();
  one->end = backend.mark();
  backend.use_lane(0);
  return one;
}

void RankClock::move_memory_here() {
  if (records_) context_.memory.move_to(static_cast<std::uint64_t>((Clock::now() - origin_).count()));
}

void RankClock::settle() {
  for (const Timed& one : timed_) {
    const auto begin = context_.backend.reached(one.begin), end = context_.backend.reached(one.end);
    const Seconds time{std::chrono::duration<double>(end - begin).count()};
    if (one.account.in != nullptr) *one.account.in += time;
    if (one.account.not_in != nullptr) *one.account.not_in -= time;
    if (one.name != nullptr) intervals_.push_back({*one.name, one.kind, one.track, begin, end});
  }
  timed_.clear();
}

// Each rank began when it began; all are drawn from where the first of them did. They are threads of one process, which
// share a clock.
void RankClock::record(RankReport& report) {
  Communicator& world = context_.world;
  std::int64_t began = origin_.time_since_epoch().count();
  std::vector<std::int64_t> all(static_cast<std::size_t>(world.size()));
  world.all_gather(Elements(std::as_writable_bytes(std::span(&began, 1))),
                   Elements(std::as_writable_bytes(std::span(all))));
  const std::chrono::nanoseconds after(began - *std::ranges::min_element(all));
  for (Interval& one : intervals_) {
    one.begin += after;
    one.end += after;
  }
  std::ranges::stable_sort(intervals_, {}, &Interval::begin);
  report.intervals = std::move(intervals_);
  report.memory = context_.memory.changes();
  for (Allocator::Change& one : report.memory) one.position += static_cast<std::uint64_t>(after.count());
  report.names = names_;
}

const std::string& RankClock::name_of_instruction() {
  const Instruction* in = context_.cursor.instruction;
  const auto [found, fresh] = names_->try_emplace(in);
  if (fresh) found->second = in->code == Code::run ? describe(context_.stage.works[in->work]) : "message";
  return found->second;
}

}  // namespace forerun

#include "strategies/schedules/pipeline_time.hpp"

#include <algorithm>
#include <cmath>

#include "strategies/plan/chunks.hpp"
#include "strategies/schedules/schedules.hpp"

namespace forerun {
namespace {

Seconds gpipe(const PassTimes& t, double m, std::vector<Seconds>& finish) {
  Seconds forward{0}, longest{0};
  for (const Seconds f : t.forward) forward += f, longest = max(longest, f);
  Seconds now = forward + (m - 1) * longest;
  for (int s = 0; s + 1 < t.stages; ++s) now += t.links[static_cast<std::size_t>(s)];
  Seconds backward{0}, links{0};
  longest = Seconds{0};
  for (int s = t.stages - 1; s >= 0; --s) {
    const Seconds b = t.backward[static_cast<std::size_t>(s)];
    backward += b;
    longest = max(longest, b);
    if (s + 1 < t.stages) links += t.links[static_cast<std::size_t>(s)];
    finish[static_cast<std::size_t>(s)] = now + backward + (m - 1) * longest + links;
  }
  return finish[0];
}

}  // namespace

Seconds PipelineTime::one_f_one_b(const PassTimes& t, double m) {
  trip_.assign(static_cast<std::size_t>(t.stages),
               Seconds{0});  // of one micro-batch from each stage to the last one and back
  for (std::size_t j = trip_.size(); j-- > 0;) {
    trip_[j] = t.forward[j] + t.backward[j] + (j + 1 < trip_.size() ? trip_[j + 1] + 2.0 * t.links[j] : Seconds{0});
  }
  const Seconds all = trip_[0];
  Seconds rest = all - t.forward[0] - t.backward[0];  // D
  Seconds before{0}, longest{0};
  for (int i = 0; i < t.stages; ++i) {
    const Seconds f = t.forward[static_cast<std::size_t>(i)], b = t.backward[static_cast<std::size_t>(i)];
    const double n = std::min<double>(t.stages - i, m);
    const Seconds zero{0};
    const Seconds gaps = m > n ? max(zero, rest - (n - 1) * f) + max(zero, rest - (n - 1) * b)
                               : max(max(zero, rest - (n - 1) * f),
                                     rest - (n - 1) * b);  // all forwards before all backwards: one window
    longest = max(longest, before + m * (f + b) + gaps);
    // Trips of micro-batches 0, n, 2n, ...; one from the stage that holds as many as are left; the last micro-batch
    // goes all the way.
    const double trips = std::floor((m - 1) / n), left = m - 1 - n * trips;
    const auto shorter = static_cast<std::size_t>(t.stages) - static_cast<std::size_t>(left);
    longest = max(longest, all + trips * (f + b + rest) + (left > 0 ? trip_[shorter] : Seconds{0}));
    if (i + 1 < t.stages) {
      const auto next = static_cast<std::size_t>(i) + 1;
      before += f + b + 2.0 * t.links[next - 1];
      rest -= t.forward[next] + t.backward[next] + 2.0 * t.links[next - 1];
    }
  }
  return longest;
}

// Follows the first micro-batch through the chunks: it comes from the chunk before, and stages work through K
// micro-batches a chunk.
class PipelineTime::Journey {
 public:
  Journey(const PassTimes& times, const std::vector<Seconds>& pass, std::vector<OnStage>& stages)
      : t_(times), pass_(pass), stages_(stages) {
    stages_.assign(static_cast<std::size_t>(t_.stages), {});
  }
  void visit(int stage, int local) {
    OnStage& here = stages_[static_cast<std::size_t>(stage)];
    const Seconds pass = pass_[t_.at(stage, local)], start = max(arrival_, here.free);
    if (local == 0) here.start = start;
    here.free = start + static_cast<double>(t_.stages) * pass;
    here.work += pass;
    end_ = start + pass;
    arrival_ = start + (pass + t_.links[static_cast<std::size_t>(stage)]);
  }
  [[nodiscard]] Seconds end() const { return end_; }  // of the last visit
  // Time that the first `count` passes of a stage need, K micro-batches a chunk in turn.
  [[nodiscard]] Seconds first_passes(int stage, double count) const {
    const double k = t_.stages, rounds = std::round(count / (k * t_.chunks)), more = count - rounds * k * t_.chunks;
    Seconds sum = rounds * k * stages_[static_cast<std::size_t>(stage)].work;
    int first = 0, last = t_.chunks - 1;
    for (double n = more; n > 0; n -= k) sum += std::min(n, k) * pass_[t_.at(stage, first++)];
    for (double n = -more; n > 0; n -= k) sum -= std::min(n, k) * pass_[t_.at(stage, last--)];
    return sum;
  }

 private:
  const PassTimes& t_;
  const std::vector<Seconds>& pass_;
  std::vector<OnStage>& stages_;
  Seconds arrival_, end_;
};

Seconds PipelineTime::interleaved(const PassTimes& t, double m) {
  const int last = t.chunks - 1;
  Journey out(t, t.forward, out_),
      back(t, t.backward, back_);  // back, time reversed: backward ends where forward began
  for (int local = 0; local < t.chunks; ++local) {
    for (int s = 0; s < t.stages; ++s) out.visit(s, local), back.visit(s, local);
  }
  Seconds there = out.end(), home = back.end(), longest{0};
  Seconds beyond{0}, beyond_back{0};  // of the last chunk on the stages after this one
  Seconds all_beyond{0};  // of all chunks there
  Seconds links{0};  // from this stage to the last one
  for (int s = t.stages - 1; s >= 0; --s) {
    const OnStage &outwards = out_[static_cast<std::size_t>(s)], &homewards = back_[static_cast<std::size_t>(s)];
    const Seconds work = outwards.work + homewards.work, start = outwards.start, end = homewards.start;
    const double before = std::min(2.0 * (t.stages - 1 - s) + (t.chunks - 1.0) * t.stages + 1, m * t.chunks);
    const Seconds zero{0};
    // The last stage turns a micro-batch round at once; from there its gradient comes back to this one.
    const Seconds turn = s == t.stages - 1 ? zero : t.links[static_cast<std::size_t>(s)];
    links += turn;
    const Seconds first = max(zero, there + beyond_back + turn - (start + out.first_passes(s, before)));
    const Seconds second = max(zero, home + beyond + turn - (end + back.first_passes(s, before)));
    longest = max(longest, start + m * work + (before < m * t.chunks ? first + second : max(first, second)) + end);
    if (s < t.stages - 1) {
      // With long links every pass waits for a round trip of the passes in flight; of chunks of average length.
      longest =
          max(longest, m / (2.0 * (t.stages - 1 - s) + 1) * (outwards.work + all_beyond + t.chunks * 2.0 * links));
    }
    all_beyond += work;
    beyond += t.forward[t.at(s, last)] + turn;
    beyond_back += t.backward[t.at(s, last)] + turn;
  }
  return longest;
}

namespace {

// So many micro-batches are enough for the order to repeat.
std::int64_t enough(const Plan& plan) { return 6 * plan.pp; }

}  // namespace

Seconds PipelineTime::operator()(const Plan& plan, const PassTimes& t, std::int64_t micro_batches,
                                 std::vector<Seconds>& finish) {
  const double m = static_cast<double>(micro_batches);
  finish.assign(static_cast<std::size_t>(t.stages), Seconds{0});
  if (t.stages == 1) {
    for (std::size_t i = 0; i < t.forward.size(); ++i) finish[0] += m * (t.forward[i] + t.backward[i]);
    return finish[0];
  }
  switch (traits(plan.schedule).formula) {
    case PipelineFormula::forwards_first:
      return gpipe(t, m, finish);
    case PipelineFormula::one_forward_one_backward:
      if (t.chunks > 1 && t.uneven) return by_table(plan, t, micro_batches, finish);
      break;
    case PipelineFormula::table:
      return by_table(plan, t, micro_batches, finish);
  }
  Seconds left = t.chunks == 1 ? one_f_one_b(t, m) : interleaved(t, m);
  const Seconds total = left;
  for (int s = 0; s < t.stages; ++s) {  // the last gradients go down the stages
    finish[static_cast<std::size_t>(s)] = left;
    left -= t.backward[t.at(s, 0)] + t.links[static_cast<std::size_t>(s)];
  }
  return total;
}

const ScheduleTable& PipelineTime::table(const Plan& plan, const PassTimes& t, std::int64_t micro_batches) {
  if (traits(plan.schedule).needs_times) {
    if (automatic_micro_batches_ != micro_batches || automatic_plan_ != plan || automatic_times_ != t) {
      automatic_ = make_table(plan, t, micro_batches);
      automatic_plan_ = plan, automatic_times_ = t, automatic_micro_batches_ = micro_batches;
    }
    return automatic_;
  }
  const std::int64_t m = std::min(micro_batches, enough(plan));
  const Key key{plan.schedule, plan.pp, plan.virtual_stages, m};
  auto found = tables_.find(key);
  if (found == tables_.end()) found = tables_.emplace(key, make_table(plan, t, m)).first;
  return found->second;
}

Seconds PipelineTime::by_table(const Plan& plan, const PassTimes& t, std::int64_t micro_batches,
                               std::vector<Seconds>& finish) {
  const Seconds all = run_table(table(plan, t, micro_batches), plan, t, forward_done_, backward_done_, finish);
  if (micro_batches <= enough(plan) || traits(plan.schedule).needs_times) return all;
  std::vector<Seconds> fewer;
  const std::int64_t less = enough(plan) - 2 * plan.pp;
  const Seconds before = run_table(table(plan, t, less), plan, t, forward_done_, backward_done_, fewer);
  const Seconds more =
      static_cast<double>(micro_batches - enough(plan)) / static_cast<double>(enough(plan) - less) * (all - before);
  for (Seconds& f : finish) f += more;
  return all + more;
}

}  // namespace forerun

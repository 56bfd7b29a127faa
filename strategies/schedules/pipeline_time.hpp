// How long a pipeline takes, from the times of its passes alone.
//
// F_i, B_i: forward and backward (B includes W) of one micro-batch on stage i, M micro-batches, K stages. A message
// needs L_i between stage i and the next one and stops nobody but its receiver.
//
// * GPipe: two flow shops one after the other; exact:
//     sum F + (M-1) max F + sum B + (M-1) max B + 2 sum L
// * 1F1B: stage i holds n = min(K - i, M) micro-batches. It cannot start before sum_{j<i} (F_j + L_j), works
//   M (F_i + B_i), and after its last backward the stages before it need sum_{j<i} (B_j + L_j): the first and the last
//   together are A_i. Before its first backward it has work for (n-1) F_i, but the first micro-batch needs the round
//   trip D_i = sum_{j>i} (F_j + B_j) + 2 sum_{j>=i} L_j; after its last forward it has work for (n-1) B_i. Hence
//     A_i + M (F_i + B_i) + max(0, D_i - (n-1) F_i) + max(0, D_i - (n-1) B_i)
//   Every n-th micro-batch of a stage waits for a round trip, floor((M-1)/n) (F_i + B_i + D_i) together, then comes one
//   trip of the stage that holds (M-1) mod n, and the last micro-batch goes all the way: sum (F + B + 2 L).
//   The time is the largest of these over the stages. Each is a lower bound, and exact for equal stages without links:
//     (M + K - 1) (F + B)
// * interleaved: the same, with the arrival of the first micro-batch at each chunk followed through the chunks. A lower
//   bound where links are short, an estimate where they are not; exact for equal chunks without links:
//     (M + (K-1)/v) (F + B)
// * all others, and interleaved chunks of unequal blocks: the table of the schedule is run for few micro-batches, and
//   what each further one adds is extrapolated.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "strategies/schedules/pass_times.hpp"

namespace forerun {

class PipelineTime {
 public:
  // The time until the last backward is done. `finish[i]`: when stage i is done, an estimate but for GPipe.
  Seconds operator()(const Plan&, const PassTimes&, std::int64_t micro_batches, std::vector<Seconds>& finish);
  // For many micro-batches the table of fewer: the order repeats. The automatic one, which fills what the times leave,
  // is whole.
  const ScheduleTable& table(const Plan&, const PassTimes&, std::int64_t micro_batches);

 private:
  Seconds one_f_one_b(const PassTimes&, double m);
  Seconds interleaved(const PassTimes&, double m);
  Seconds by_table(const Plan&, const PassTimes&, std::int64_t micro_batches, std::vector<Seconds>& finish);

  using Key = std::tuple<ScheduleKind, int, int, std::int64_t>;
  std::map<Key, ScheduleTable> tables_;
  ScheduleTable automatic_;  // of the last plan: it depends on times
  Plan automatic_plan_;
  PassTimes automatic_times_;
  std::int64_t automatic_micro_batches_ = -1;
  // One way through the chunks on a stage: when it starts its first chunk, when it has worked through its last one; a
  // pass of each chunk.
  struct OnStage {
    Seconds start, free, work;
  };
  class Journey;
  std::vector<OnStage> out_, back_;
  std::vector<Seconds> forward_done_, backward_done_, trip_;
};

}  // namespace forerun

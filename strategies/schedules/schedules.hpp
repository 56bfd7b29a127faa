// Pipeline schedules: each a small function from numbers to a table.
//
// To add one: its row in base/schedule_kind.cpp, its function and its case of make_table here.
// K stages, M micro-batches, v chunks a stage. Where B and W are split, W waits to fill what would be a bubble.
#pragma once

#include "base/result.hpp"
#include "strategies/schedules/pass_times.hpp"
#include "strategies/schedules/schedule_table.hpp"

namespace forerun {

ScheduleTable one_stage_schedule(int micro_batches);           // forward, backward, in turn
ScheduleTable gpipe_schedule(int stages, int micro_batches);   // all forwards, then all backwards
// PipeDream-flush: K - s forwards on stage s before its first backward, then one of each in turn.
ScheduleTable one_f_one_b_schedule(int stages, int micro_batches);
// Narayanan et al. 2021, section 2.2, as Megatron runs it: 2 (K - s - 1) + (v - 1) K passes of warm-up, K micro-batches
// of a chunk at a time. K divides M.
ScheduleTable interleaved_schedule(int stages, int chunks, int micro_batches);
// Qi et al. 2023 (Zero Bubble Pipeline Parallelism), figures 2 and 3. H1: 1F1B with the W of stage s late by s
// micro-batches, so that no stage holds more than the first does under 1F1B. H2: 2 (K - s) - 1 forwards before the
// first backward, W late by 2 s.
ScheduleTable zb_h1_schedule(int stages, int micro_batches);
ScheduleTable zb_h2_schedule(int stages, int micro_batches);
// Qi et al. 2024 (Pipeline Parallelism with Controllable Memory): chunks in a V, 0 down the stages and 1 up again;
// holds as much as 1F1B.
ScheduleTable zb_v_schedule(int stages, int micro_batches);
// DeepSeek-V3 (technical report, section 3.2.1; github.com/deepseek-ai/DualPipe): two copies of the model in opposite
// directions, half of the micro-batches each. Forwards and backwards of opposite directions stand next to each other. K
// and M even, M >= 2 K.
ScheduleTable dualpipe_schedule(int stages, int micro_batches);

// Forward passes alone, of a step without backward. Interleaved chunks take turns as in training: K micro-batches of a
// chunk, then as many of the next one; the last turn may have fewer.
ScheduleTable forward_schedule(int stages, int chunks, int micro_batches);

// The table of a plan's schedule. The automatic zero bubble (schedule_fill.hpp) looks at the times of the passes; all
// others only at the numbers of stages, chunks and micro-batches.
ScheduleTable make_table(const Plan&, const PassTimes&, std::int64_t micro_batches);

// Every way in which a table is not a schedule of the plan: passes missing or doubled, backward before its forward, W
// before its B, an order in which stages wait for each other in a circle.
Problems check_schedule(const ScheduleTable&, const Plan&);

}  // namespace forerun

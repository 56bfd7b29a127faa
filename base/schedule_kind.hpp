// Pipeline schedules as all floors speak of them: a row each, with what follows from the kind alone.
//
// A schedule is its name here, its row in schedule_kind.cpp, and the function that writes its table
// (strategies/schedules/schedules.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace forerun {

enum class ScheduleKind : std::uint8_t { gpipe, one_f_one_b, interleaved, zb_h1, zb_h2, zb_v, dualpipe, zb_auto };
inline constexpr ScheduleKind last_schedule = ScheduleKind::zb_auto;

// Which stages the chunks of a model lie on, in the order of the layers.
enum class ChunkRoute : std::uint8_t {
  round_robin,  // chunk c on stage c mod K
  there_and_back,  // two chunks a stage: down the stages and up again (a V)
  both_ways,  // two copies of the model in opposite directions, half of the micro-batches each
};

// Does it run the input gradients B and the weight gradients W of a backward pass at different times?
enum class BackwardSplit : std::uint8_t { none, sometimes, always };

// The formula of its time and memory (pipeline_time.hpp); `table`: there is none, its table is run.
enum class PipelineFormula : std::uint8_t { forwards_first, one_forward_one_backward, table };

struct PipelineShape {
  int stages = 1, virtual_stages = 1;
  std::int64_t micro_batches = 0;
};

struct ScheduleTraits {
  std::string_view name, what;  // as files write it; one line for people
  ChunkRoute route = ChunkRoute::round_robin;
  BackwardSplit splits = BackwardSplit::none;
  PipelineFormula formula = PipelineFormula::table;
  bool needs_times = false;  // its order depends on how long passes take
  int least_virtual_stages = 1, most_virtual_stages = 1;  // most: 0 for as many as there are blocks
  std::string_view virtual_stages_hint;  // what to write where there are other numbers of them
  // Whether it can run so many micro-batches on so many stages; null: any. What is wrong and what would be right.
  bool (*suits)(const PipelineShape&) = nullptr;
  std::string (*unsuited)(const PipelineShape&) = nullptr;
  std::string (*suitable)(const PipelineShape&) = nullptr;
};

extern const std::array<ScheduleTraits, static_cast<std::size_t>(last_schedule) + 1> all_schedules;  // by kind
inline const ScheduleTraits& traits(ScheduleKind kind) { return all_schedules[static_cast<std::size_t>(kind)]; }

std::string_view to_string(ScheduleKind);
std::optional<ScheduleKind> schedule_from(std::string_view name);

inline bool splits_backward(ScheduleKind kind) { return traits(kind).splits != BackwardSplit::none; }
inline bool has_several_chunks(ScheduleKind kind) { return traits(kind).most_virtual_stages != 1; }
bool has_shape(ScheduleKind, const PipelineShape&);  // as far as micro-batches go

}  // namespace forerun

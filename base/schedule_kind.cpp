#include "base/schedule_kind.hpp"

#include <fmt/format.h>

namespace forerun {
namespace {

bool whole_rounds(const PipelineShape& s) { return s.micro_batches % s.stages == 0; }
std::string not_whole_rounds(const PipelineShape& s) {
  return fmt::format("interleaved: {} micro-batches are not a multiple of pp {}", s.micro_batches, s.stages);
}
std::string make_whole_rounds(const PipelineShape&) {
  return "choose a global batch, dp or micro_batch so that they are";
}

bool even_halves(const PipelineShape& s) {
  return s.stages % 2 == 0 && s.micro_batches % 2 == 0 && s.micro_batches >= 2 * s.stages;
}
std::string not_even_halves(const PipelineShape& s) {
  return fmt::format(
      "dualpipe: pp {} and {} micro-batches; both must be even, and there must be at least two micro-batches a stage",
      s.stages, s.micro_batches);
}
std::string make_even_halves(const PipelineShape& s) {
  return fmt::format(
      "choose an even pp, and a global batch, dp or micro_batch that leave an even number of at least {} micro-batches",
      2 * s.stages);
}

constexpr std::string_view no_virtual_stages = "write schedule: interleaved, or zb-v with two, or virtual_stages: 1";

}  // namespace

constexpr decltype(all_schedules) all_schedules{{
    {.name = "gpipe",
     .what = "all forward passes, then all backward passes (Huang et al. 2019)",
     .formula = PipelineFormula::forwards_first,
     .virtual_stages_hint = no_virtual_stages},
    {.name = "1f1b",
     .what = "one forward, one backward in turn (PipeDream-flush, Narayanan et al. 2021)",
     .formula = PipelineFormula::one_forward_one_backward,
     .virtual_stages_hint = no_virtual_stages},
    {.name = "interleaved",
     .what = "1F1B over several chunks a stage (Narayanan et al. 2021, section 2.2)",
     .formula = PipelineFormula::one_forward_one_backward,
     .least_virtual_stages = 2,
     .most_virtual_stages = 0,
     .virtual_stages_hint = "write virtual_stages above 1, or schedule: 1f1b",
     .suits = whole_rounds,
     .unsuited = not_whole_rounds,
     .suitable = make_whole_rounds},
    {.name = "zb-h1",
     .what = "1F1B with W in its bubbles, as much memory as 1F1B (Qi et al. 2023)",
     .splits = BackwardSplit::always,
     .virtual_stages_hint = no_virtual_stages},
    {.name = "zb-h2",
     .what = "the same with twice the micro-batches in flight (Qi et al. 2023)",
     .splits = BackwardSplit::always,
     .virtual_stages_hint = no_virtual_stages},
    {.name = "zb-v",
     .what = "two chunks a stage in a V, B and W apart (Qi et al. 2024)",
     .route = ChunkRoute::there_and_back,
     .splits = BackwardSplit::always,
     .least_virtual_stages = 2,
     .most_virtual_stages = 2,
     .virtual_stages_hint = "zb-v has two chunks a stage: write virtual_stages: 2"},
    {.name = "dualpipe",
     .what = "two copies of the model in opposite directions (DeepSeek-V3, section 3.2.1)",
     .route = ChunkRoute::both_ways,
     .splits = BackwardSplit::sometimes,
     .virtual_stages_hint = "write virtual_stages: 1; its two copies of the model are the schedule's own",
     .suits = even_halves,
     .unsuited = not_even_halves,
     .suitable = make_even_halves},
    {.name = "zb-auto",
     .what = "B and W placed by the times of passes under activation_limit (Qi et al. 2023, section 3.1)",
     .splits = BackwardSplit::always,
     .needs_times = true,
     .virtual_stages_hint = no_virtual_stages},
}};
static_assert(!all_schedules.back().name.empty(), "every schedule has a row");

std::string_view to_string(ScheduleKind kind) { return traits(kind).name; }

std::optional<ScheduleKind> schedule_from(std::string_view name) {
  for (std::size_t i = 0; i < all_schedules.size(); ++i) {
    if (all_schedules[i].name == name) return static_cast<ScheduleKind>(i);
  }
  return std::nullopt;
}

bool has_shape(ScheduleKind kind, const PipelineShape& shape) {
  const auto suits = traits(kind).suits;
  return suits == nullptr || suits(shape);
}

}  // namespace forerun

#include "strategies/plan/plan.hpp"

#include <fmt/format.h>

#include <array>

namespace forerun {
namespace {

constexpr std::array<std::string_view, 3> recompute_names{"none", "selective", "full"};
constexpr std::array<std::string_view, 3> cut_names{"even", "even_with_ends", "list"};

template <class E, std::size_t N>
std::optional<E> find(std::string_view name, const std::array<std::string_view, N>& names) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Recompute r) { return recompute_names[static_cast<std::size_t>(r)]; }
std::string_view to_string(StageCut c) { return cut_names[static_cast<std::size_t>(c)]; }
std::optional<Recompute> recompute_from(std::string_view name) { return find<Recompute>(name, recompute_names); }

std::string summary(const Plan& plan) {
  std::string text = fmt::format("tp {}{}", plan.tp, plan.sp ? " sp" : "");
  if (plan.cp > 1) text += fmt::format(", cp {} {}", plan.cp, to_string(plan.cp_kind));
  text += fmt::format(", pp {}", plan.pp);
  if (plan.virtual_stages > 1) text += fmt::format(" x{}", plan.virtual_stages);
  const bool usual = plan.schedule == ScheduleKind::one_f_one_b || plan.schedule == ScheduleKind::interleaved;
  if (plan.pp > 1 && !usual) text += fmt::format(" {}", to_string(plan.schedule));
  if (plan.activation_limit != 1) text += fmt::format(" limit {}", plan.activation_limit);
  if (plan.pp > 1 && plan.cut != StageCut::even) text += fmt::format(" {}", to_string(plan.cut));
  if (plan.ep > 1) text += fmt::format(", ep {}", plan.ep);
  if (plan.etp > 1) text += fmt::format(", etp {}", plan.etp);
  text += fmt::format(", dp {}, zero {}, micro-batch {}", plan.dp, plan.zero, plan.micro_batch);
  if (plan.sharding_group > 0) text += fmt::format(", sharded over {}", plan.sharding_group);
  if (plan.offload.optimizer) text += ", offload optimizer";
  if (plan.offload.activations) text += ", offload activations";
  if (plan.recompute != Recompute::none) text += fmt::format(", recompute {}", to_string(plan.recompute));
  return text;
}

}  // namespace forerun

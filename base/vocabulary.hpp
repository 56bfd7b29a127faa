// Words that hardware, software stacks and plans share: the dimensions of parallelism, and the kinds of context
// parallelism. Schedules have a table of their own: schedule_kind.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace forerun {

enum class Dimension : std::uint8_t { tp, cp, ep, dp, pp };
inline constexpr std::array all_dimensions{Dimension::tp, Dimension::cp, Dimension::ep, Dimension::dp, Dimension::pp};

enum class CpKind : std::uint8_t { all_gather, ring, ulysses };
inline constexpr std::array all_cp_kinds{CpKind::all_gather, CpKind::ring, CpKind::ulysses};

// When replicas exchange what ZeRO-2 and 3 cut: around every pass of a unit, or once a step, so that it is whole in
// between (PyTorch's pipelines).
enum class ZeroExchange : std::uint8_t { every_pass, once_a_step };

std::string_view to_string(Dimension);
std::string_view to_string(CpKind);
std::string_view to_string(ZeroExchange);

}  // namespace forerun

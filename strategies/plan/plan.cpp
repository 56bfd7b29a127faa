#include "strategies/plan/plan.hpp"

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

}  // namespace forerun

// Time of a step, by what it is spent on.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/quantity.hpp"
#include "base/vocabulary.hpp"

namespace forerun {

// Where the step's time goes, on the rank of the slowest stage. The sum of all but `hidden` is the step.
struct Breakdown {
  Seconds compute;
  Seconds recompute;
  std::array<Seconds, 5> exposed{};    // communication that the rank waits for, by Dimension
  std::array<Seconds, 5> hidden{};     // communication beside computation
  Seconds bubble;
  Seconds optimizer;
  Seconds offload;
  Seconds host;

  [[nodiscard]] Seconds exposed_in(Dimension d) const { return exposed[static_cast<std::size_t>(d)]; }
  [[nodiscard]] Seconds hidden_in(Dimension d) const { return hidden[static_cast<std::size_t>(d)]; }
  [[nodiscard]] Seconds total() const;
};

// One row of a breakdown. The sum, the tables, the pictures and the JSON walk over these rows. A new category of time
// is a member of Breakdown, a row, and what fills the member.
struct TimeCategory {
  std::string_view name;  // a column of a table; JSON: "<name>_s", of a dimension within "exposed_s" and "hidden_s"
  char mark;  // in a picture of characters
  Seconds Breakdown::* time;  // nullptr: the communication of `dimension`
  std::optional<Dimension> dimension;
  std::string_view meaning;

  [[nodiscard]] Seconds exposed(const Breakdown& b) const { return dimension ? b.exposed_in(*dimension) : b.*time; }
  [[nodiscard]] Seconds hidden(const Breakdown& b) const { return dimension ? b.hidden_in(*dimension) : Seconds{0}; }
};

inline constexpr std::array<TimeCategory, 11> time_categories{{
    {"compute", '#', &Breakdown::compute, std::nullopt, "forward and backward kernels"},
    {"recompute", 'r', &Breakdown::recompute, std::nullopt, "forward kernels run again"},
    {"tp", 't', nullptr, Dimension::tp, "sums and gathers inside layers"},
    {"cp", 'c', nullptr, Dimension::cp, "keys and values of other ranks"},
    {"ep", 'e', nullptr, Dimension::ep, "tokens to and from experts"},
    {"dp", 'd', nullptr, Dimension::dp, "gradients and parameters of replicas"},
    {"pp", 'p', nullptr, Dimension::pp, "activations between stages"},
    {"bubble", '.', &Breakdown::bubble, std::nullopt, "waiting for other stages"},
    {"optimizer", 'o', &Breakdown::optimizer, std::nullopt, "update of this device's share"},
    {"offload", 'f', &Breakdown::offload, std::nullopt, "copies to and from the host"},
    {"host", 'h', &Breakdown::host, std::nullopt, "framework floor of a step"},
}};
// Five rows share the two arrays.
static_assert(sizeof(Breakdown) == (time_categories.size() + all_dimensions.size()) * sizeof(Seconds),
              "every member has a row");

// "compute"; "tp communication".
std::string label(const TimeCategory&);

}  // namespace forerun

// Which stages of a long pipeline tables and pictures show.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace forerun {

// Of many stages the first and the last ones.
std::vector<std::uint32_t> shown_stages(const std::vector<std::uint32_t>& all);
std::string not_shown(std::size_t all);  // a line that says so; "": all are shown

}  // namespace forerun

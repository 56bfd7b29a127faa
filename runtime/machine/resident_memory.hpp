// What this process holds of the machine's memory: pages that it has touched, whoever counts them.
#pragma once

#include <optional>

#include "base/quantity.hpp"

namespace forerun {

// From here on the peak is a new one. Where the system does not allow it, the old one stays.
void forget_peak_resident();
std::optional<Bytes> peak_resident();  // nullopt: the system does not say

}  // namespace forerun

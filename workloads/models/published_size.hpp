// What was published about a model's size, in files: {exact: 8030261248, source: ...} or {printed: 8.0 B, source: ...}.
#pragma once

#include <optional>

#include "base/fields/kind.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

// "175 B" is uncertain by half of 10^9. A size that is not exact is written in decimals down to twice its uncertainty.
fields::Kind<std::optional<PublishedSize>> published_size();

}  // namespace forerun

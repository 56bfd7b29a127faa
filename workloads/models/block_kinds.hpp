// Which blocks of a model are equal.
#pragma once

#include <cstddef>
#include <vector>

#include "workloads/models/model.hpp"

namespace forerun {

// The distinct blocks of a model and which of them each layer is.
struct BlockKinds {
  std::vector<Block> distinct;
  std::vector<int> of_layer;
  std::vector<std::vector<int>> before;  // before[k][i]: layers of kind k among the first i
  std::vector<std::size_t> end_of_run;  // of the equal neighbours that layer i is among
};
BlockKinds block_kinds(const Model&);

}  // namespace forerun

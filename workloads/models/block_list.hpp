// The list of a model's blocks in a file: blocks, and blocks or patterns of them that are repeated.
#pragma once

#include "base/fields/kind.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

// An entry is a block, {repeat, block}, or {repeat, pattern: [entry, ...]}. Blocks get the width of the model, which is
// read before. Equal neighbours and patterns are written once.
fields::Kind<Model> block_list();

}  // namespace forerun

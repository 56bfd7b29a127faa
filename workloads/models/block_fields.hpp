// The keys of a block and of its parts: see base/fields/table.hpp.
#pragma once

#include "base/fields/table.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

// The width of the block is the model's: it is set before the rest is read. A feed-forward is one of `mlp`, `moe`.
const fields::Table<Block>& block_fields();

// A head_dim that follows from the width of the block is 0 where attention is read alone.
const fields::Table<Attention>& attention_fields();
const fields::Table<Latent>& latent_fields();
const fields::Table<Mlp>& mlp_fields();
const fields::Table<Moe>& moe_fields();

}  // namespace forerun

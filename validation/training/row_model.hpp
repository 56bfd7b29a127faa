// The model that a measured run trained, from the columns of its row and the catalogue.
#pragma once

#include <string>
#include <vector>

#include "validation/training/training_rows.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

struct RowModel {
  Model model;
  std::vector<std::string> assumed;  // columns that the row left empty
  std::string refused;               // why there is none; empty: there is one
};

// A mixture is the catalogue's with the same hidden size, heads, experts and top-k, its layers cut to the row's number.
// Anything else takes its kind of blocks (gating, norms, biases, positions, tied head) from the catalogue's dense model
// whose name begins most like the row's (three letters at least; then the nearest hidden size), and its sizes from the
// row. A name like no other: gated, RMS norm, rotary where ffn is not 4 x hidden; otherwise as GPT.
RowModel model_of(const TrainingRow&, const std::vector<Model>& catalogue);

}  // namespace forerun

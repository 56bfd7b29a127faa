// Predictions of measured collectives, scored: `forerun validate collectives FILE.csv`.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "costmodel/own_calibrations.hpp"
#include "costmodel/timing.hpp"
#include "validation/collectives/collective_rows.hpp"

namespace forerun {

// Of |predicted / measured - 1|.
struct CollectiveErrors {
  std::size_t n = 0;
  double median = 0, p90 = 0;
  double sum_ratio = 0;  // of all predicted times over all measured
  double in_band = 0;    // share of rows inside their 80 % band

  bool operator==(const CollectiveErrors&) const = default;
};

// Rows of one source, GPU, format, collective and cluster (`nodes` 1: inside a node, whatever the ranks).
struct CollectiveGroup {
  std::string source, gpu, dtype, kind, link;
  int nodes = 1;
  Evidence evidence = Evidence::datasheet;  // the weakest of its rows
  CollectiveErrors errors;
  // Of the rows that can be held out (n says how many): one node: each fifth of the sizes predicted by fits on the
  // others; several: without the cluster's constants. Rows that no fit predicts are unseen as they are.
  CollectiveErrors left_out;
};

// Rows of other ranks predicted by fits on two and eight.
struct HeldOutRanks {
  std::string source, gpu, kind;
  int ranks = 0;
  CollectiveErrors errors;
};

struct SkippedCollectives {
  std::string reason;
  std::size_t n = 0;
};

struct CollectiveValidation {
  std::size_t rows = 0, scored = 0, others = 0;  // others: kernels
  std::vector<SkippedCollectives> skipped;
  std::vector<CollectiveGroup> groups;           // sorted by source, GPU, format, collective, nodes, link
  CollectiveErrors in_node, over_network;        // of all rows
  CollectiveErrors in_node_left_out, over_network_left_out;
  std::vector<HeldOutRanks> held_out;            // with left_out only
};

enum class WithLeftOut : std::uint8_t { no, yes };

// Problems: what read_collective_rows reports.
Result<CollectiveValidation> validate_collectives(const std::string& csv_path, WithLeftOut);
// `own`: over the shipped fits of their generations.
Result<CollectiveValidation> score_collectives(const CollectiveRows&, WithLeftOut, const OwnCalibrations& own = {});

}  // namespace forerun

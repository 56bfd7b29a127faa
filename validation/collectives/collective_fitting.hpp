// From files of measured collectives to the calibrations of costmodel/collectives/: one for each generation that they
// measured.
//
// Inside a node every library has a fit of its own for each kind (a release of NCCL; a laboratory that measured from
// the host, whose launches are the floor), and all releases of NCCL together make "nccl", which steps take. A library
// with fewer than 60 rows of a kind keeps NCCL's curve and has only its rate and its floor fitted. NCCL's own curve of
// fewer than 60 rows stands only where it is better on sizes left out than the shipped curve with its rate fitted,
// which also knows the sizes that these rows lack; fewer than eight rows move the rate alone, fewer than three nothing.
// Clusters are fitted for each kind, ranks and nodes of at least three rows. Rows whose notes begin with "summary
// sample" repeat others and are left out, as are mesh and PCIe fabrics, which no curve describes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "costmodel/collectives/collective_calibration.hpp"
#include "validation/collectives/collective_rows.hpp"

namespace forerun {

struct CollectiveFitting {
  std::vector<CollectiveCalibration> calibrations;  // by generation
  std::vector<std::string> not_fitted;  // with the reason, as "hopper all_reduce mine (2 rows)"
};

// `date` is written into each fit, `cluster` (a name, may be empty) into the constants of networks: whose steps take
// them.
CollectiveFitting fit_collectives(std::span<const CollectiveRow>, const std::string& date,
                                  const std::string& cluster = "");

}  // namespace forerun

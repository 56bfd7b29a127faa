// From files of measured collectives to the calibrations of costmodel/collectives/: one for each generation that they measured.
//
// Inside a node every library has a fit of its own for each kind (a release of NCCL; a laboratory that measured from the host, whose launches
// are the floor), and all releases of NCCL together make "nccl", which steps take. A library with fewer than 60 rows of a kind keeps NCCL's
// curve and has only its rate and its floor fitted. Clusters are fitted for each kind, ranks and nodes of at least three rows. Rows whose notes
// begin with "summary sample" repeat others and are left out, as are mesh and PCIe fabrics, which no curve describes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "costmodel/collective_calibration.hpp"
#include "studies/collective_rows.hpp"

namespace forerun {

std::vector<CollectiveCalibration> fit_collectives(std::span<const CollectiveRow>, const std::string& date);

}  // namespace forerun

// The time of a measured collective as forerun has it: what steps take, and where a row's own laboratory or cluster was
// fitted, that.
#pragma once

#include <vector>

#include "costmodel/timing.hpp"
#include "validation/collectives/collective_place.hpp"

namespace forerun {

// One node: the fit of the row's library, else NCCL's; several: the cluster's constants, else what is known of its kind
// of network. Custom all-reduces: the fit of their library, else the one launched alike. Software that is not NCCL:
// ring and tree. `nccl` empty: the latter.
Timing predict(const CollectiveRow&, const CollectivePlace&, const FamilyParameters&);
// The same without the cluster's own constants: how a cluster is predicted that nobody measured.
Timing predict_unseen(const CollectiveRow&, const CollectivePlace&, const FamilyParameters&);

// The name of a cluster among the fits: the row's words on its network; where it has none, who measured, and on which
// machine.
std::string network_key(const CollectiveRow&, const CollectivePlace&);

}  // namespace forerun

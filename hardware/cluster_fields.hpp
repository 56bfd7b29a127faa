// The keys of a cluster and of its parts: see base/fields/table.hpp.
#pragma once

#include "base/fields/table.hpp"
#include "hardware/cluster.hpp"

namespace forerun {

const fields::Table<Cluster>& cluster_fields();

const fields::Table<NodeGroup>& node_group_fields();  // those of its node among them
const fields::Table<Fabric>& fabric_fields();
const fields::Table<Link>& link_fields();
const fields::Table<Tier>& tier_fields();

}  // namespace forerun

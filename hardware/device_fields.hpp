// The keys of a device: see base/fields/table.hpp.
#pragma once

#include "base/fields/table.hpp"
#include "hardware/device.hpp"

namespace forerun {

const fields::Table<Device>& device_fields();

}  // namespace forerun

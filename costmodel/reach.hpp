// What a software's kernels and exchanges reach of the times that its device and network are calibrated to.
#pragma once

#include <memory>

#include "costmodel/collective_model.hpp"
#include "costmodel/kernel_model.hpp"

namespace forerun {

// Each kind of kernel takes its calibrated time divided by its share, as do exchanges: the calibration's library was
// another one, of another year, or ran alone on a cool device. Never faster than the device's peak and bandwidth.
// Without a compiler a chain of element-wise operators is a kernel each, which move twice the bytes (assumed).
std::shared_ptr<const KernelModel> with_reach(std::shared_ptr<const KernelModel>, const Stack&, const Device&);
std::shared_ptr<const CollectiveModel> with_reach(std::shared_ptr<const CollectiveModel>, const Stack&);

}  // namespace forerun

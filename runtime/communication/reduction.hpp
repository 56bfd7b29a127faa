// Element by element, a reduction of two tensors of one type.
#pragma once

#include "runtime/communication/communicator.hpp"

namespace forerun {

// into = into (sum or largest) with; fp64, fp32 and bf16.
void reduce(Reduction, Elements with, Elements into);

}  // namespace forerun

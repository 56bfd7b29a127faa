// The prediction of a measured run.
#pragma once

#include "strategies/closed_form/closed_form.hpp"
#include "validation/training/row_scenario.hpp"

namespace forerun {

// Where a row does not say what was recomputed: the least that fits, since it ran, or misses by no more than the memory
// model may err (5 %); none where nothing does, and the estimate's memory says that it does not fit.
Estimate predict(const ClosedFormContext&, const ReadRun&);

}  // namespace forerun

// What a fit of collectives is worth on sizes that it did not see.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "costmodel/collectives/collective_sample.hpp"

namespace forerun {

using SampleModel = std::function<Seconds(const CollectiveSample&)>;
using SampleFit = std::function<SampleModel(std::span<const CollectiveSample>)>;

double log_error(Seconds predicted, const CollectiveSample&);  // ln(predicted / measured)

// Sizes are dealt into five folds, each predicted by a fit on the others; ln(predicted / measured) in the order of the
// samples.
std::vector<double> left_out_errors(std::span<const CollectiveSample>, const SampleFit&);

std::vector<double> log_errors(std::span<const CollectiveSample>, const SampleModel&);
RowErrors errors(const std::vector<double>& logs);
// A regime of fewer than ten samples takes the spread of all.
CollectiveSpread spreads(const std::vector<double>& logs, std::span<const CollectiveSample>);

}  // namespace forerun

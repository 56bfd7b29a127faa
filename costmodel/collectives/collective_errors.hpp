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

// Sizes are left out in five folds (costmodel/fitting/folds.hpp); ln(predicted / measured) in the order of the samples.
// Where all samples are of one size, of a fit that saw them.
std::vector<double> left_out_errors(std::span<const CollectiveSample>, const SampleFit&);

std::vector<double> log_errors(std::span<const CollectiveSample>, const SampleModel&);
FitError errors(const std::vector<double>& logs);
// A regime of fewer than ten samples takes the spread of all.
CollectiveSpread spreads(const std::vector<double>& logs, std::span<const CollectiveSample>);

}  // namespace forerun

// Quantiles of samples, and of the normal distribution that errors are taken to follow.
#pragma once

#include <vector>

namespace forerun {

// Between neighbours in order of size, in proportion: of n values the share p lies at place p (n - 1), counted from 0
// (Hyndman and Fan 1996, definition 7), so that 0.5 is the median. 0 of no values.
double quantile(std::vector<double> values, double share);

// One in ten is above so many standard deviations of a normal distribution: within them on either side lie four in
// five, an 80 % band.
inline constexpr double ninetieth = 1.2816;

}  // namespace forerun

// Fits the positive parameters of a formula to samples: Levenberg-Marquardt on the logarithms of the parameters, within
// bounds, with a loss that outliers cannot steer, from several starts.
//
// Minimises sum_i w_i s^2 (sqrt(1 + (r_i / s)^2) - 1) over low <= x <= high ("soft L1": r^2 / 2 for |r| << s, s |r| for
// |r| >> s), each step solving the weighted normal equations (K. Madsen, H. B. Nielsen, O. Tingleff, "Methods for
// non-linear least squares problems", 2004, section 3.2; weights as in P. W. Holland, R. E. Welsch 1977). Derivatives
// are central differences in ln x, wide enough to step over small kinks (ceilings, minima). The residual of a time is
// ln(predicted / measured): relative errors count, not microseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace forerun {

struct FitParameter {
  std::string name;
  double low = 0, start = 1, high = 1;  // 0 < low <= start <= high; equal bounds hold a parameter fixed
};

struct FitOptions {
  double loss_scale = 0.05;  // s; residuals beyond it count by their size, not its square
  double difference = 2e-3;  // of ln x
  int starts = 6;  // the given one and others drawn between the bounds; the best wins, ties the earliest
  int iterations = 60;  // at most, of each start
  double tolerance = 1e-7;  // relative decrease of the loss below which a start is done
  std::uint64_t seed = 1;  // of the drawn starts: equal seeds, equal answers
  std::vector<double> weights{};  // w of each residual: 2 counts as if it were there twice; empty: all 1
};

struct FitResult {
  std::vector<double> values;  // in the order of the parameters
  double loss = 0;  // the minimum found, divided by the sum of weights
  bool converged = false;  // the best start ended by `tolerance`, not by `iterations`
};

// Fills one residual a sample; `values` are the parameters themselves, within their bounds. A residual that is not
// finite makes the values worthless: the fit steps back.
using Residuals = std::function<void(std::span<const double> values, std::span<double> out)>;

// `samples`: how many residuals there are, at least one.
FitResult fit(std::span<const FitParameter>, std::size_t samples, const Residuals&, const FitOptions& = {});

}  // namespace forerun

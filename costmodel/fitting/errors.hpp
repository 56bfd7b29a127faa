// How far predictions lie from measurements.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace forerun {

class YamlNode;

// Of signed errors e = predicted / measured - 1.
struct ErrorSummary {
  std::size_t n = 0;
  double mape = 0;    // mean of |e|
  double median = 0;  // of |e|
  double p90 = 0;     // quantiles as base/quantile.hpp has them
  double worst = 0;   // largest |e|
  double bias = 0;    // mean of e

  bool operator==(const ErrorSummary&) const = default;
};
ErrorSummary summarise(const std::vector<double>& signed_errors);

// What a calibration's file keeps of it: {median: 0.067, p90: 0.231}.
struct FitError {
  double median = 0, p90 = 0;

  bool operator==(const FitError&) const = default;
};
FitError fit_error(const std::vector<double>& signed_errors);
FitError read_fit_error(const YamlNode&);
std::string to_yaml(const FitError&);

}  // namespace forerun

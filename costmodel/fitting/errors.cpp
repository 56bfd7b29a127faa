#include "costmodel/fitting/errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/files/yaml.hpp"
#include "base/quantile.hpp"

namespace forerun {

ErrorSummary summarise(const std::vector<double>& signed_errors) {
  ErrorSummary s;
  s.n = signed_errors.size();
  if (s.n == 0) return s;
  std::vector<double> sizes;
  for (const double e : signed_errors) sizes.push_back(std::abs(e));
  std::sort(sizes.begin(), sizes.end());
  const double n = static_cast<double>(s.n);
  s.mape = std::accumulate(sizes.begin(), sizes.end(), 0.0) / n;
  s.median = quantile(sizes, 0.5);
  s.p90 = quantile(sizes, 0.9);
  s.worst = sizes.back();
  s.bias = std::accumulate(signed_errors.begin(), signed_errors.end(), 0.0) / n;
  return s;
}

FitError fit_error(const std::vector<double>& signed_errors) {
  const ErrorSummary s = summarise(signed_errors);
  return {s.median, s.p90};
}

FitError read_fit_error(const YamlNode& node) {
  MapReader map = node.map();
  const FitError error{map.required("median").number(0, 1e6), map.required("p90").number(0, 1e6)};
  map.finish();
  return error;
}

std::string to_yaml(const FitError& e) { return fmt::format("{{median: {:.4f}, p90: {:.4f}}}", e.median, e.p90); }

}  // namespace forerun

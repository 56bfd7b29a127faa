// What `fit` found, and the files that it wrote.
#pragma once

#include <string>
#include <vector>

#include "reports/fits/sample_fits.hpp"
#include "validation/training/stack_fit.hpp"

namespace forerun {

struct FitAnswer {
  const SampleFits& fits;
  bool of_kernels = false, of_collectives = false;  // which samples the file has
  std::vector<std::string> written;
};
std::string to_text(const FitAnswer&, int width);

struct StackFitAnswer {
  const StackFit& fit;
  const StackFitRecord& record;  // as it stands in the file
  std::string stack, written;
};
std::string to_text(const StackFitAnswer&);

}  // namespace forerun

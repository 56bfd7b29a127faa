// Predictions of measured kernels, scored: `forerun validate kernels FILE.csv`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "costmodel/own_calibrations.hpp"
#include "costmodel/timing.hpp"
#include "validation/kernels/kernel_rows.hpp"

namespace forerun {

// Of predicted / measured - 1.
struct KernelScore {
  std::size_t n = 0;
  double median = 0, p90 = 0;  // of its size
  double sum_ratio = 0;        // all predicted times over all measured ones
  double in_band = 0;          // share of rows inside the 80 % band of their prediction
};

struct KernelGroupScore {
  std::string source, gpu, dtype, kind;  // as the file says
  std::string stack;                     // whose kernels, where scored by library; otherwise empty
  KernelScore predicted;
  Evidence evidence = Evidence::datasheet;  // the weakest of the rows
  // refitted to the file's own rows without the group of each; where asked for and possible
  std::optional<KernelScore> left_out;
};

struct KernelValidation {
  std::vector<KernelGroupScore> groups;     // by source, gpu, dtype, kind, stack
  std::size_t rows = 0, collectives = 0;    // rows scored; rows of collectives, which `validate collectives` scores
  std::vector<SkippedRows> skipped;         // rows left out
};

struct KernelValidationOptions {
  bool left_out = false;                    // also refit and score rows left out
  Seconds over;                             // only rows measured longer are scored; fits to the file's rows see all
  bool by_library = false;                  // a group for each stack whose kernels they are ("vllm-0.24.0") as well
  // for its device instead of the shipped one, and scaled by the datasheet for all others
  std::optional<KernelCalibration> calibration;
  OwnCalibrations own;                           // each over the shipped one of its device
};

// Problems: what read_kernel_rows reports, a family without parameters.
Result<KernelValidation> validate_kernels(const KernelRows&, const KernelValidationOptions& = {});

}  // namespace forerun

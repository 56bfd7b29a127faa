// Fitted kernels of one device as a file: costmodel/data/devices/DEVICE.yaml, and what `forerun fit` writes.
//
//   device: h100-sxm-80gb
//   software: forerun                 # where it is of kernels that only this stack runs: others refuse the file
//   fits:
//     - kind: gemm
//       dtype: bf16
//       library: vllm-0.24.0          # whose kernels; any: of all libraries together
//       source: aiconfigurator        # who measured
//       date: 2026-11-21              # of the fit
//       samples: 3003
//       groups: 387                   # left out in turn, in five folds
//       parameters: {compute: 0.861, memory: 0.852, launch: 2.8 us, exponent: 4.78, prologue: 161, small_tiles: 0.248}
//       in_sample: {median: 0.066, p90: 0.23}       # of |predicted / measured - 1|
//       left_out: {median: 0.067, p90: 0.231}
//       residuals:                    # of ln(measured / predicted) on rows left out, by predicted time;
//                                     # band: four in five are nearer to 0
//         - {below: 10 us, samples: 1210, p10: -0.2, p50: 0.0, p90: 0.3, band: 0.27}
//         - {below: 100 us, ...}
//         - {above: 100 us, ...}
//       measured:                     # where samples tell more than the form (residual_interpolation.hpp)
//         radius: 2                   # of the shape, in powers of two
//         shrink: 0.3
//         left_out: {median: 0.04, p90: 0.12}    # of all rows, the form with what samples of other groups add
//         residuals: [...]            # as above, of rows left out that lie among samples
//         points: |                   # at most 300: log2 of m, n, k, batch (of attention sequences, heads, key-value
//           3 10 12 0 -0.1234         # heads, queries, keys, head size; else bytes), then ln(measured / form)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "costmodel/kernels/kernel_fit.hpp"

namespace forerun {

class YamlNode;

struct KernelCalibration {
  std::string device;  // its name, not an alias
  std::vector<KernelFit> fits;
  std::string software = {};  // the stack whose kernels these are; empty: of libraries that any may call

  bool operator==(const KernelCalibration&) const = default;
};

inline constexpr std::string_view any_library = "any";

KernelCalibration read_kernel_calibration(const YamlNode&);
std::string to_yaml(const KernelCalibration&);  // reading it gives the same value, to the digits that are written
Result<KernelCalibration> load_kernel_calibration(const std::string& path);

// The shipped one of a device (its catalogue name), null where there is none.
const KernelCalibration* find_kernel_calibration(const std::string& device);

// Of one device: a kind and format (16-bit formats are one) that `over` has replaces the fits of it in `below`; the
// others stay.
KernelCalibration merged(const KernelCalibration& below, const KernelCalibration& over);

// The fit that is nearest to a library's kernels: of that very library; of another version of it, the same kernel first
// and the nearest version; of all libraries together; the first of the kind; among equals that of the same format.
// Null: the kind was not fitted in this format (fp16 and bf16 are one).
const KernelFit* choose_fit(const KernelCalibration&, KernelKind, DType, std::string_view library);

}  // namespace forerun

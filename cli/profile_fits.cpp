#include "cli/profile_fits.hpp"

#include <fmt/format.h>

#include <ctime>

#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "profiler/sample_file.hpp"

namespace forerun::cli {

Result<SampleFits> fit_samples(const std::string& kernels_path, const std::string& collectives_path) {
  const Result<KernelRows> kernels = read_kernel_rows(kernels_path);
  const Result<CollectiveRows> collectives =
      collectives_path.empty() ? CollectiveRows{} : read_collective_rows(collectives_path);
  if (!kernels || !collectives) return fail(problems_of(kernels, collectives));
  const std::string date = today();
  ProgressLine progress("fitting");
  SampleFits fitted{.kernels = fit_rows(*kernels, date,
                                        [&](std::size_t done, std::size_t total) {
                                          progress(static_cast<double>(done) / static_cast<double>(total));
                                        }),
                    .collectives = fit_collectives(collectives->rows, date)};
  progress.finish();
  return fitted;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04d}-{:02d}-{:02d}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string stem_of(const std::string& calibration) { return calibration.substr(0, calibration.rfind(".y")); }

Result<void> save_kernels(const std::string& path, const std::string& header, const SampleFits& fitted) {
  if (fitted.kernels.devices.empty())
    return fail(Problem{{path, 0, 0}, "too few samples of every kind to fit", "run forerun profile without --resume"});
  KernelCalibration own = fitted.kernels.devices.front();
  own.software = "forerun";  // attention and streaming kernels are this project's own
  return write_whole(path, header + to_yaml(own));
}

}  // namespace forerun::cli

#include "cli/profile_fits.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ctime>

#include "base/table.hpp"
#include "base/units.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "profiler/sample_file.hpp"

namespace forerun::cli {
namespace {

std::string table_of(const ProfileFits& fitted) {
  Table table({{"kind", Align::left}, {"of", Align::left}, {"samples"}, {"in sample"}, {"left out"}, {"90 %"}});
  const auto add = [&](std::string_view kind, const std::string& of, std::size_t n, const auto& in, const auto& out) {
    table.row({std::string(kind), of, std::to_string(n), format_percent(in.median), format_percent(out.median),
               format_percent(out.p90)});
  };
  for (const KernelCalibration& device : fitted.kernels.devices) {
    for (const KernelFit& f : device.fits)
      add(to_string(f.kind), std::string(to_string(f.dtype)), f.samples, f.in_sample, f.best_left_out());
  }
  if (!fitted.collectives.calibrations.empty()) table.rule();
  for (const CollectiveCalibration& c : fitted.collectives.calibrations) {
    for (const NodeCalibration& n : c.node)
      add(to_string(n.kind), n.library, n.fit.samples, n.fit.in_sample, n.fit.left_out);
  }
  return table.text(terminal_width());
}

nlohmann::ordered_json json_of(const ProfileFits& fitted) {
  nlohmann::ordered_json list = nlohmann::json::array();
  const auto errors = [](const auto& e) { return nlohmann::ordered_json{{"median", e.median}, {"p90", e.p90}}; };
  for (const KernelCalibration& device : fitted.kernels.devices) {
    for (const KernelFit& f : device.fits) {
      list.push_back({{"kind", to_string(f.kind)},
                      {"dtype", to_string(f.dtype)},
                      {"n", f.samples},
                      {"in_sample", errors(f.in_sample)},
                      {"left_out", errors(f.best_left_out())}});
    }
  }
  for (const CollectiveCalibration& c : fitted.collectives.calibrations) {
    for (const NodeCalibration& n : c.node) {
      list.push_back({{"kind", to_string(n.kind)},
                      {"ranks", n.library},
                      {"n", n.fit.samples},
                      {"in_sample", errors(n.fit.in_sample)},
                      {"left_out", errors(n.fit.left_out)}});
    }
  }
  return list;
}

}  // namespace

Result<ProfileFits> fit_samples(const std::string& kernels_path, const std::string& collectives_path) {
  const Result<KernelRows> kernels = read_kernel_rows(kernels_path);
  const Result<CollectiveRows> collectives =
      collectives_path.empty() ? CollectiveRows{} : read_collective_rows(collectives_path);
  if (!kernels || !collectives) return fail(problems_of(kernels, collectives));
  const std::string date = today();
  ProgressLine progress("fitting");
  ProfileFits fitted{.kernels = fit_rows(*kernels, date,
                                         [&](std::size_t done, std::size_t total) {
                                           progress(static_cast<double>(done) / static_cast<double>(total));
                                         }),
                     .collectives = fit_collectives(collectives->rows, date)};
  progress.finish();
  return fitted;
}

void print_fits(const ProfileFits& fitted, const std::vector<std::string>& written) {
  fmt::print("{}\nerrors of predicted times: medians of the size, and of nine in ten, on rows left out of the fit\n",
             table_of(fitted));
  for (const std::string& path : written) fmt::print("wrote {}\n", path);
}

void add_fits(nlohmann::ordered_json& report, const std::vector<std::string>& remarks, const ProfileFits& fitted,
              const std::vector<std::string>& written) {
  report["remarks"] = remarks;
  report["fits"] = json_of(fitted);
  report["written"] = written;
}

std::string products_text(const std::map<DType, FlopsPerSecond>& products) {
  std::string text;
  for (const auto& [dtype, rate] : products)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(dtype), format(rate));
  return text;
}

nlohmann::ordered_json products_json(const std::map<DType, FlopsPerSecond>& products) {
  nlohmann::ordered_json json;
  for (const auto& [dtype, rate] : products) json[std::string(to_string(dtype))] = rate.value();
  return json;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04d}-{:02d}-{:02d}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string stem_of(const std::string& calibration) { return calibration.substr(0, calibration.rfind(".yaml")); }

Result<void> save_kernels(const std::string& path, const std::string& header, const ProfileFits& fitted) {
  if (fitted.kernels.devices.empty())
    return fail(Problem{{path, 0, 0}, "too few samples of every kind to fit", "run forerun profile without --resume"});
  return write_whole(path, header + to_yaml(fitted.kernels.devices.front()));
}

}  // namespace forerun::cli

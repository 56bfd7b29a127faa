#include "reports/fits/profiled_fits.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/table.hpp"
#include "base/units.hpp"

namespace forerun {
namespace {

struct Errors {
  double median = 0, p90 = 0;
};
template <class Fitted>
Errors errors_of(const Fitted& e) {
  return {e.median, e.p90};
}
nlohmann::ordered_json to_json(const Errors& e) { return {{"median", e.median}, {"p90", e.p90}}; }

struct Row {
  std::string_view kind;
  const char* key;  // what `of` is: "dtype" of kernels, "ranks" of collectives
  std::string of;
  std::size_t samples = 0;
  Errors in_sample, left_out;
};

std::vector<Row> kernel_rows(const SampleFits& fits) {
  std::vector<Row> rows;
  for (const KernelCalibration& device : fits.kernels.devices) {
    for (const KernelFit& f : device.fits)
      rows.push_back({to_string(f.kind), "dtype", std::string(to_string(f.dtype)), f.samples, errors_of(f.in_sample),
                      errors_of(f.best_left_out())});
  }
  return rows;
}

std::vector<Row> collective_rows(const SampleFits& fits) {
  std::vector<Row> rows;
  for (const CollectiveCalibration& c : fits.collectives.calibrations) {
    for (const NodeCalibration& n : c.node)
      rows.push_back({to_string(n.kind), "ranks", n.library, n.fit.samples, errors_of(n.fit.in_sample),
                      errors_of(n.fit.left_out)});
  }
  return rows;
}

std::string table_of(const SampleFits& fits, int width) {
  Table table({{"kind", Align::left}, {"of", Align::left}, {"samples"}, {"in sample"}, {"left out"}, {"90 %"}});
  const auto add = [&](const std::vector<Row>& rows) {
    for (const Row& row : rows)
      table.row({std::string(row.kind), row.of, std::to_string(row.samples), format_percent(row.in_sample.median),
                 format_percent(row.left_out.median), format_percent(row.left_out.p90)});
  };
  add(kernel_rows(fits));
  if (!fits.collectives.calibrations.empty()) table.rule();
  add(collective_rows(fits));
  return table.text(width);
}

void add(nlohmann::ordered_json& list, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    list.push_back({{"kind", row.kind},
                    {row.key, row.of},
                    {"n", row.samples},
                    {"in_sample", to_json(row.in_sample)},
                    {"left_out", to_json(row.left_out)}});
  }
}

}  // namespace

std::string fits_text(const SampleFits& fits, const std::vector<std::string>& written, int width) {
  std::string text =
      table_of(fits, width) +
      "\nerrors of predicted times: medians of the size, and of nine in ten, on rows left out of the fit\n";
  for (const std::string& path : written) text += fmt::format("wrote {}\n", path);
  return text;
}

void add_fits(nlohmann::ordered_json& report, const std::vector<std::string>& remarks, const SampleFits& fits,
              const std::vector<std::string>& written) {
  report["remarks"] = remarks;
  report["fits"] = nlohmann::ordered_json::array();
  add(report["fits"], kernel_rows(fits));
  add(report["fits"], collective_rows(fits));
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

}  // namespace forerun

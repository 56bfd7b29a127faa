#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <locale>
#include <sstream>

#include "base/fields/value.hpp"
#include "base/files/name_or_path.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"
#include "costmodel/kernels/kernel_calibration.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

constexpr double microsecond = 1e-6;

template <class Form>
Form read_form(const YamlNode& node) {
  MapReader map = node.map();
  Form form;
  for (const FormField<Form>& field : fields_of<Form>()) {
    if (field.of_backward && !map.has(std::string(field.name))) {
      form.*field.member = field.start;
      continue;
    }
    const YamlNode value = map.required(std::string(field.name));
    if (field.unit == FieldUnit::none) {
      form.*field.member = value.number(field.low, field.high);
      continue;
    }
    form.*field.member = value.quantity<Seconds>().value();
    if (!value.is_missing() && (form.*field.member < field.low || form.*field.member > field.high)) {
      value.report(fmt::format("'{}' is out of range", field.name),
                   fmt::format("write from {:g} us to {:g} us", field.low / microsecond, field.high / microsecond));
    }
  }
  map.finish();
  return form;
}

KernelForm read_form(KernelKind kind, const YamlNode& node) {
  switch (kind) {
    case KernelKind::gemm:
      return read_form<GemmForm>(node);
    case KernelKind::attn_prefill:
      return read_form<PrefillForm>(node);
    case KernelKind::attn_decode:
      return read_form<DecodeForm>(node);
    default:
      return read_form<StreamingForm>(node);
  }
}

constexpr double largest_residual = 20;
constexpr std::size_t most_points = 10000;

ResidualQuantiles read_quantiles(const YamlNode& node, std::size_t regime) {
  MapReader map = node.map();
  ResidualQuantiles q;
  const bool last = regime == TimeRegime::limits.size();
  const double limit = TimeRegime::limits[last ? regime - 1 : regime];
  const YamlNode edge = map.required(last ? "above" : "below");
  if (!edge.is_missing() && std::abs(edge.quantity<Seconds>().value() / limit - 1) > 1e-6) {
    edge.report("the regimes of time are below 10 us, below 100 us, above 100 us",
                fmt::format("write '{:g} us'", limit / microsecond));
  }
  q.samples = static_cast<std::size_t>(map.required("samples").integer(0, 1'000'000'000));
  const auto residual = [&](const char* key) { return map.required(key).number(-largest_residual, largest_residual); };
  q.p10 = residual("p10"), q.p50 = residual("p50"), q.p90 = residual("p90");
  q.band = map.required("band").number(0, largest_residual);
  map.finish();
  return q;
}

DType read_dtype(const YamlNode& node) {
  std::vector<std::string> names;
  for (const DType dtype : all_dtypes) names.emplace_back(to_string(dtype));
  return all_dtypes[node.one_of(names)];
}

void read_residuals(const YamlNode& list, std::array<ResidualQuantiles, TimeRegime::count>& into) {
  const std::vector<YamlNode> items = list.items();
  if (!list.is_missing() && items.size() != into.size())
    list.report("three regimes of time are needed", "below 10 us, below 100 us, above 100 us");
  for (std::size_t i = 0; i < std::min(items.size(), into.size()); ++i) into[i] = read_quantiles(items[i], i);
}

// A line a cell: its coordinates and its residual. One text, because thousands of YAML nodes take a second to read.
std::vector<ShapeResidual> read_cells(const YamlNode& node, int dimensions) {
  const std::string text = node.text();
  std::vector<ShapeResidual> cells;
  std::istringstream lines(text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    words.imbue(std::locale::classic());
    ShapeResidual cell;
    bool good = true;
    for (int d = 0; d < dimensions; ++d)
      good =
          good && words >> cell.at[static_cast<std::size_t>(d)] && std::abs(cell.at[static_cast<std::size_t>(d)]) <= 64;
    good = good && words >> cell.residual && std::abs(cell.residual) <= largest_residual && (words >> std::ws).eof();
    if (!good) {
      node.report(fmt::format("line {} of the points is {}", number, quoted(line)),
                  fmt::format("write {} coordinates, as powers of two, and a residual of at most {}", dimensions,
                              largest_residual));
      return {};
    }
    cells.push_back(cell);
  }
  if (cells.size() > most_points)
    node.report(fmt::format("{} points", cells.size()), fmt::format("write at most {}", most_points));
  return cells;
}

MeasuredResiduals read_measured(const YamlNode& node, KernelKind kind) {
  MapReader map = node.map();
  MeasuredResiduals m;
  m.field.radius = map.required("radius").number(0.01, 16);
  m.field.shrink = map.required("shrink").number(0.001, 1000);
  m.left_out = read_fit_error(map.required("left_out"));
  read_residuals(map.required("residuals"), m.residuals);
  m.field.cells = read_cells(map.required("points"), shape_dimensions(kind));
  map.finish();
  return m;
}

KernelFit read_fit(const YamlNode& node) {
  MapReader map = node.map();
  KernelFit fit;
  fit.kind = static_cast<KernelKind>(map.required("kind").one_of(kernel_kind_names()));
  fit.dtype = read_dtype(map.required("dtype"));
  fit.library = map.required("library").text();
  fit.source = map.required("source").text();
  fit.date = map.required("date").text();
  fit.samples = static_cast<std::size_t>(map.required("samples").integer(1, 1'000'000'000));
  fit.groups = static_cast<std::size_t>(map.required("groups").integer(0, 1'000'000'000));
  fit.form = read_form(fit.kind, map.required("parameters"));
  fit.in_sample = read_fit_error(map.required("in_sample"));
  fit.left_out = read_fit_error(map.required("left_out"));
  read_residuals(map.required("residuals"), fit.residuals);
  fit.measured = map.optional("measured", [&](const YamlNode& n) { return read_measured(n, fit.kind); });
  map.finish();
  return fit;
}

// The catalogue's name where it knows the device, by whatever alias. A device of one's own keeps its name: whether the
// calibration is of the cluster's devices is checked where it is used.
std::string read_device_name(const YamlNode& node) {
  const std::string name = node.text();
  if (is_path(name)) return name;
  const Result<Device> device = find_device(name);
  return device ? device->name : name;
}

std::string parameters_text(const KernelForm& any_form) {
  return std::visit(
      [](const auto& form) {
        using Form = std::remove_cvref_t<decltype(form)>;
        std::string text;
        for (const FormField<Form>& field : fields_of<Form>()) {
          const bool time = field.unit == FieldUnit::microseconds;
          // Four digits, but never out of bounds by rounding.
          const double value = std::stod(fmt::format("{:.4g}", form.*field.member / (time ? microsecond : 1)));
          text += fmt::format("{}{}: {:g}{}", text.empty() ? "" : ", ", field.name, value, time ? " us" : "");
        }
        return text;
      },
      any_form);
}

std::string residuals_text(const std::array<ResidualQuantiles, TimeRegime::count>& residuals, const char* indent) {
  static constexpr const char* edges[] = {"below: 10 us", "below: 100 us", "above: 100 us"};
  std::string text;
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    const ResidualQuantiles& q = residuals[i];
    text += fmt::format("{}- {{{}, samples: {}, p10: {:.4f}, p50: {:.4f}, p90: {:.4f}, band: {:.4f}}}\n", indent,
                        edges[i], q.samples, q.p10, q.p50, q.p90, q.band);
  }
  return text;
}

std::string measured_text(const MeasuredResiduals& m, KernelKind kind) {
  std::string text = fmt::format(
      "    measured:\n      radius: {:g}\n      shrink: {:g}\n      left_out: {}\n      residuals:\n{}      points: "
      "|\n",
      m.field.radius, m.field.shrink, to_yaml(m.left_out), residuals_text(m.residuals, "        "));
  for (const ShapeResidual& cell : m.field.cells) {
    text += "       ";
    for (int d = 0; d < shape_dimensions(kind); ++d)
      text += fmt::format(" {:.4g}", cell.at[static_cast<std::size_t>(d)]);
    text += fmt::format(" {:.4f}\n", cell.residual);
  }
  return text;
}

std::string fit_text(const KernelFit& fit) {
  std::string text = fmt::format(
      "  - kind: {}\n    dtype: {}\n    library: {}\n    source: {}\n    date: {}\n    samples: {}\n    groups: {}\n",
      to_string(fit.kind), to_string(fit.dtype), yaml_text(fit.library), yaml_text(fit.source), yaml_text(fit.date),
      fit.samples, fit.groups);
  text += fmt::format("    parameters: {{{}}}\n    in_sample: {}\n    left_out: {}\n    residuals:\n",
                      parameters_text(fit.form), to_yaml(fit.in_sample), to_yaml(fit.left_out));
  return text + residuals_text(fit.residuals, "      ") + (fit.measured ? measured_text(*fit.measured, fit.kind) : "");
}

}  // namespace

KernelCalibration read_kernel_calibration(const YamlNode& node) {
  MapReader map = node.map();
  KernelCalibration calibration;
  calibration.device = read_device_name(map.required("device"));
  if (const auto software = map.optional("software")) calibration.software = software->text();
  for (const YamlNode& item : map.required("fits").items()) calibration.fits.push_back(read_fit(item));
  map.finish();
  return calibration;
}

std::string to_yaml(const KernelCalibration& calibration) {
  std::string text = fmt::format("device: {}\n", fields::yaml_scalar(calibration.device));
  if (!calibration.software.empty()) text += fmt::format("software: {}\n", fields::yaml_scalar(calibration.software));
  text += "fits:\n";
  for (const KernelFit& fit : calibration.fits) text += fit_text(fit);
  return text;
}

Result<KernelCalibration> load_kernel_calibration(const std::string& path) {
  Result<YamlDocument> document = YamlDocument::load(path);
  if (!document) return fail(document.error());
  KernelCalibration calibration = read_kernel_calibration(document->root());
  if (!document->problems().empty()) return fail(document->problems());
  return calibration;
}

}  // namespace forerun

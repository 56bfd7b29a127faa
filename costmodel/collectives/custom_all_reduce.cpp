#include "costmodel/collectives/custom_all_reduce.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "costmodel/collectives/collective_errors.hpp"
#include "costmodel/fitting/levenberg_marquardt.hpp"

namespace forerun {
namespace {

constexpr FieldUnit us = FieldUnit::microseconds;
using F = CustomForm;

// Limits that the libraries have: 1 to 16 MiB (TensorRT-LLM by ranks, vLLM and SGLang 8 MiB, the latter including it);
// of equals the first.
constexpr std::array<double, 8> limits{32 << 20, 16 << 20, 8 << 20, (8 << 20) - 1.0,
                                       4 << 20,  2 << 20,  1 << 20, 512 * 1024.0};

constexpr std::array<FormField<F>, 6> fields{{
    {"start", &F::start, 5e-7, 4e-6, 1e-4, us},
    {"two_start", &F::two_start, 5e-7, 8e-6, 1e-4, us},
    {"rate", &F::rate, 0.02, 0.6, 1.5},
    {"limit", &F::limit, 1e5, 8e6, 1e8, FieldUnit::none, false, limits},
    {"floor", &F::floor, 1e-6, 3e-5, 1e-3, us},
    {"staging", &F::staging, 0.1, 2, 20},
}};

using Samples = std::span<const CollectiveSample>;

struct Candidate {
  CustomForm form;
  double loss = 0;
};

Candidate fit_with_limit(Samples samples, const std::vector<Seconds>& otherwise, LaunchedBy by, double limit) {
  CustomForm from{.limit = limit};
  std::vector<FitParameter> parameters;
  std::vector<double CustomForm::*> members;
  for (const FormField<F>& field : fields) {
    if (!field.fitted || (by == LaunchedBy::graph && (field.name == "floor" || field.name == "staging"))) continue;
    parameters.push_back({std::string(field.name), field.low, field.start, field.high});
    members.push_back(field.member);
  }
  const auto with = [&](std::span<const double> values) {
    CustomForm form = from;
    for (std::size_t i = 0; i < members.size(); ++i) form.*members[i] = values[i];
    return form;
  };
  const Residuals residuals = [&](std::span<const double> values, std::span<double> out) {
    const CustomForm form = with(values);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const CollectiveSample& s = samples[i];
      out[i] = std::log(time(form, s.group.ranks, s.bytes, s.group.port, otherwise[i]) / s.time);
    }
  };
  const FitResult result = fit(parameters, samples.size(), residuals, {.starts = 3});
  return {with(result.values), result.loss};
}

CustomForm fit_form(Samples samples, LaunchedBy by, const CollectiveForm& nccl) {
  std::vector<Seconds> otherwise;
  for (const CollectiveSample& s : samples)
    otherwise.push_back(time(nccl, CollectiveKind::all_reduce, s.group.ranks, s.bytes, s.group.port));
  Candidate best{{}, INFINITY};
  for (const double limit : limits) {
    const Candidate candidate = fit_with_limit(samples, otherwise, by, limit);
    if (candidate.loss < best.loss) best = candidate;
  }
  return best.form;
}

}  // namespace

template <>
std::span<const FormField<CustomForm>> fields_of<CustomForm>() {
  return fields;
}

Seconds time(const CustomForm& f, int ranks, Bytes size, BytesPerSecond port, Seconds otherwise) {
  if (ranks <= 1) return Seconds{0};
  const double n = ranks, bytes = size.value(), rate = f.rate * port.value();
  const double own = std::min(f.start + (n - 1) * bytes / rate, f.two_start + 2 * (n - 1) / n * bytes / rate);
  const double staged = f.staging > 0 ? bytes / (f.staging * port.value()) : 0;
  return Seconds{std::max((bytes <= f.limit ? own : otherwise.value()) + staged, f.floor)};
}

CustomFit fit_custom(Samples samples, LaunchedBy by, const CollectiveForm& nccl) {
  const auto priced_by = [&](const CustomForm& form) -> SampleModel {
    return [form, nccl](const CollectiveSample& s) {
      const Seconds otherwise = time(nccl, CollectiveKind::all_reduce, s.group.ranks, s.bytes, s.group.port);
      return time(form, s.group.ranks, s.bytes, s.group.port, otherwise);
    };
  };
  const std::vector<double> logs =
      left_out_errors(samples, [&](Samples kept) { return priced_by(fit_form(kept, by, nccl)); });
  const CustomForm form = fit_form(samples, by, nccl);
  return {form, errors(log_errors(samples, priced_by(form))), errors(logs), spreads(logs, samples), samples.size()};
}

}  // namespace forerun

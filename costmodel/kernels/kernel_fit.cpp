#include "costmodel/kernels/kernel_fit.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "base/quantile.hpp"
#include "costmodel/fitting/levenberg_marquardt.hpp"
#include "costmodel/kernels/fit_interpolation.hpp"

namespace forerun {
namespace {

// What a form's time is asked of many times over: products keep what does not depend on the shape.
template <class Form>
struct Timer {
  Form form;
  const Device& device;
  Timer(const Form& f, const Device& d, DType) : form(f), device(d) {}
  template <class K>
  Seconds operator()(const K& kernel) const {
    return time(form, device, kernel);
  }
};
template <>
struct Timer<GemmForm> {
  GemmTimer timer;
  Timer(const GemmForm& f, const Device& d, DType dtype) : timer(f, d, dtype) {}
  Seconds operator()(const Gemm& gemm) const { return timer.time(gemm); }
};
template <class Form>
struct KernelOf {
  using type = FusedAttention;
};
template <>
struct KernelOf<GemmForm> {
  using type = Gemm;
};
template <>
struct KernelOf<StreamingForm> {
  using type = Streaming;
};

constexpr double sum_weight = 0.1;
constexpr int several_starts = 4;

bool is_backward(const Kernel& kernel) {
  if (const auto* attention = std::get_if<FusedAttention>(&kernel)) return attention->backward;
  const auto* streaming = std::get_if<Streaming>(&kernel);
  return streaming != nullptr && streaming->backward;
}

// What these samples tell.
template <class Form>
std::vector<const FormField<Form>*> told_by(std::span<const KernelSample> samples) {
  const bool backward =
      std::any_of(samples.begin(), samples.end(), [](const KernelSample& s) { return is_backward(s.kernel); });
  std::vector<const FormField<Form>*> list;
  for (const FormField<Form>& field : fields_of<Form>()) {
    if (field.fitted || (field.of_backward && backward)) list.push_back(&field);
  }
  return list;
}

template <class Form>
std::vector<FitParameter> parameters(const Form& from, const std::vector<const FormField<Form>*>& told) {
  std::vector<FitParameter> list;
  for (const FormField<Form>* at : told) {
    const FormField<Form>& field = *at;
    list.push_back(
        {std::string(field.name), field.low, std::clamp(from.*field.member, field.low, field.high), field.high});
  }
  return list;
}

template <class Form>
Form with(Form form, const std::vector<const FormField<Form>*>& told, std::span<const double> values) {
  for (std::size_t i = 0; i < told.size(); ++i) form.*told[i]->member = values[i];
  return form;
}

template <class Form>
struct Candidate {
  Form form;
  double loss = 0;
};

template <class Form>
Candidate<Form> fitted(const Form& from, const Device& device, std::span<const KernelSample> samples, int starts) {
  std::vector<double> logs;
  for (const KernelSample& sample : samples) logs.push_back(std::log(sample.time.value()));
  const DType dtype = dtype_of(samples.front().kernel);
  double measured = 0;
  for (const KernelSample& sample : samples) measured += sample.time.value();
  // One more residual: the sum over all samples, which is what a step adds up, weighs as much as one sample in ten.
  const double weight = sum_weight * static_cast<double>(samples.size());
  const auto told = told_by<Form>(samples);
  const Residuals residuals = [&](std::span<const double> values, std::span<double> out) {
    const Timer<Form> timer(with(from, told, values), device, dtype);
    double predicted = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double t = timer(std::get<typename KernelOf<Form>::type>(samples[i].kernel)).value();
      predicted += t;
      out[i] = std::log(t) - logs[i];
    }
    out[samples.size()] = weight * std::log(predicted / measured);
  };
  const FitResult result =
      fit(parameters(from, told), samples.size() + 1, residuals, {.starts = starts, .tolerance = 1e-5});
  return {with(from, told, result.values), result.loss};
}

// Tries the choices of the software's own numbers, one field after the other; a later choice must be better by more
// than chance.
template <class Form>
Candidate<Form> chosen(Candidate<Form> best, std::span<const FormField<Form>> fields, const Device& device,
                       std::span<const KernelSample> samples) {
  constexpr double clearly = 0.97;
  for (const FormField<Form>& field : fields) {
    for (const double choice : field.choices) {
      Form other = best.form;
      other.*field.member = choice;
      if (other == best.form) continue;
      Candidate<Form> candidate = fitted(other, device, samples, 1);
      if (candidate.loss < clearly * best.loss) best = std::move(candidate);
    }
  }
  return best;
}

double residual(const KernelForm& form, const Device& device, const KernelSample& sample) {
  return std::log(sample.time / time(form, device, sample.kernel));
}

std::vector<double> residuals_of(const KernelForm& form, const Device& device, std::span<const KernelSample> samples) {
  std::vector<double> list;
  for (const KernelSample& sample : samples) list.push_back(residual(form, device, sample));
  return list;
}

std::vector<KernelSample> select(std::span<const KernelSample> samples, const std::vector<std::size_t>& indices) {
  std::vector<KernelSample> list;
  for (const std::size_t i : indices) list.push_back(samples[i]);
  return list;
}

double predicted(const KernelSample& sample, double residual) { return sample.time.value() / std::exp(residual); }

// Of the samples with `dominated` as asked, among `indices`.
std::vector<RegimeResidual> regime_residuals(std::span<const KernelSample> samples, const HeldOutFit& fit,
                                             const std::vector<std::size_t>& indices, bool dominated) {
  std::vector<RegimeResidual> list;
  for (const std::size_t i : indices) {
    if (fit.dominated[i] == dominated) list.push_back({fit.residuals[i], predicted(samples[i], fit.residuals[i])});
  }
  return list;
}

// Of each sample what the samples of other folds show, those that rest on samples and those that rest on the form
// apart.
std::vector<double> bands_of_others(const Folds& folds, const HeldOutFit& fit, std::span<const KernelSample> samples) {
  const auto of_others = [&](std::size_t fold) {  // of the form, and of samples
    const std::vector<std::size_t> others = folds.others(fold);
    return std::array{by_regime(regime_residuals(samples, fit, others, false)),
                      by_regime(regime_residuals(samples, fit, others, true))};
  };
  return predict_left_out(folds, of_others, [&](const auto& regimes, std::size_t i) {
    return regimes[fit.dominated[i] ? 1 : 0][TimeRegime::of(predicted(samples[i], fit.residuals[i]))].band;
  });
}

Folds folds_by_group(std::span<const KernelSample> samples) {
  std::vector<std::string> groups;
  for (const KernelSample& sample : samples) groups.push_back(sample.group);
  return folds_by(groups);
}

std::vector<std::size_t> every(std::size_t n) {
  std::vector<std::size_t> list(n);
  std::iota(list.begin(), list.end(), 0U);
  return list;
}

}  // namespace

double spread(const ResidualQuantiles& q) { return q.band / ninetieth; }

KernelForm fit_form(const KernelForm& from, const Device& device, std::span<const KernelSample> samples, int starts) {
  assert(!samples.empty());
  return std::visit(
      [&](const auto& form) -> KernelForm {
        using Form = std::remove_cvref_t<decltype(form)>;
        Candidate<Form> best = fitted(form, device, samples, starts);
        if (starts > 1) best = chosen(std::move(best), fields_of<Form>(), device, samples);
        return best.form;
      },
      from);
}

HeldOutFit fit_left_out(const Device& device, std::span<const KernelSample> samples) {
  const KernelForm start = start_form(kind_of(samples.front().kernel));
  HeldOutFit result{.form = fit_form(start, device, samples, several_starts)};
  const Folds folds = folds_by_group(samples);
  result.groups = folds.groups();
  result.dominated.resize(samples.size());
  if (folds.groups() == 0) {
    result.form_residuals = result.residuals = residuals_of(result.form, device, samples);
    return result;
  }
  // Residuals of all samples, by forms fitted without a fold: from the very start, since the form fitted to all, and
  // the software's numbers chosen with it, know the group that is left out.
  std::vector<std::vector<double>> without(folds.count());
  result.form_residuals = predict_left_out(
      folds,
      [&](std::size_t fold) {
        const auto others = select(samples, folds.others(fold));
        return without[fold] = residuals_of(fit_form(start, device, others, several_starts), device, samples);
      },
      [](const std::vector<double>& residuals, std::size_t i) { return residuals[i]; });
  result.residuals = result.form_residuals;
  interpolate_left_out(folds, samples, without, result);
  if (result.field)
    result.field->cells =
        cells_of(shape_residuals(samples, residuals_of(result.form, device, samples), every(samples.size())));
  result.bands = bands_of_others(folds, result, samples);
  return result;
}

KernelFit fit_kernels(const Device& device, std::span<const KernelSample> samples) {
  assert(!samples.empty());
  KernelFit fit{.kind = kind_of(samples.front().kernel), .dtype = dtype_of(samples.front().kernel)};
  HeldOutFit unseen = fit_left_out(device, samples);
  fit.samples = samples.size();
  fit.groups = unseen.groups;
  fit.form = unseen.form;
  fit.in_sample = residual_errors(residuals_of(fit.form, device, samples));
  fit.left_out = residual_errors(unseen.form_residuals);
  std::vector<RegimeResidual> of_form;
  for (std::size_t i = 0; i < samples.size(); ++i)
    of_form.push_back({unseen.form_residuals[i], predicted(samples[i], unseen.form_residuals[i])});
  fit.residuals = by_regime(of_form);
  if (unseen.field) {
    fit.measured = {*std::move(unseen.field), residual_errors(unseen.residuals),
                    by_regime(regime_residuals(samples, unseen, every(samples.size()), true))};
  }
  return fit;
}

}  // namespace forerun

#include "costmodel/kernel_fit.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>

#include "base/quantile.hpp"
#include "costmodel/levenberg_marquardt.hpp"

namespace forerun {
namespace {

// What a form's time is asked of many times over: products keep what does not depend on the shape.
template <class Form>
struct Timer {
  Form form;
  const Device& device;
  Timer(const Form& f, const Device& d, DType) : form(f), device(d) {}
  template <class K>
  Seconds operator()(const K& kernel) const { return time(form, device, kernel); }
};
template <>
struct Timer<GemmForm> {
  GemmTimer timer;
  Timer(const GemmForm& f, const Device& d, DType dtype) : timer(f, d, dtype) {}
  Seconds operator()(const Gemm& gemm) const { return timer.time(gemm); }
};
template <class Form> struct KernelOf { using type = FusedAttention; };
template <> struct KernelOf<GemmForm> { using type = Gemm; };
template <> struct KernelOf<StreamingForm> { using type = Streaming; };

constexpr double sum_weight = 0.1;
constexpr int several_starts = 4;

template <class Form>
std::vector<FitParameter> parameters(const Form& from) {
  std::vector<FitParameter> list;
  for (const FormField<Form>& field : fields_of<Form>()) {
    if (field.fitted) list.push_back({std::string(field.name), field.low, std::clamp(from.*field.member, field.low, field.high), field.high});
  }
  return list;
}

template <class Form>
Form with(Form form, std::span<const double> values) {
  std::size_t i = 0;
  for (const FormField<Form>& field : fields_of<Form>()) {
    if (field.fitted) form.*field.member = values[i++];
  }
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
  const Residuals residuals = [&](std::span<const double> values, std::span<double> out) {
    const Timer<Form> timer(with(from, values), device, dtype);
    double predicted = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double t = timer(std::get<typename KernelOf<Form>::type>(samples[i].kernel)).value();
      predicted += t;
      out[i] = std::log(t) - logs[i];
    }
    out[samples.size()] = weight * std::log(predicted / measured);
  };
  const FitResult result = fit(parameters(from), samples.size() + 1, residuals, {.starts = starts, .tolerance = 1e-5});
  return {with(from, result.values), result.loss};
}

// Tries the choices of the software's own numbers, one field after the other; a later choice must be better by more than chance.
template <class Form>
Candidate<Form> chosen(Candidate<Form> best, std::span<const FormField<Form>> fields, const Device& device, std::span<const KernelSample> samples) {
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

FitError errors(const std::vector<double>& residuals) {
  std::vector<double> sizes;
  for (const double r : residuals) sizes.push_back(std::abs(std::exp(-r) - 1));
  return {quantile(sizes, 0.5), quantile(sizes, 0.9)};
}

ResidualQuantiles quantiles(std::vector<double> residuals) {
  ResidualQuantiles q{residuals.size(), quantile(residuals, 0.1), quantile(residuals, 0.5), quantile(residuals, 0.9), 0};
  for (double& r : residuals) r = std::abs(r);
  q.band = quantile(residuals, 0.8);
  return q;
}

// By the time that the form predicts, since that is what a user has; a regime without enough rows takes the quantiles of all.
std::array<ResidualQuantiles, TimeRegime::count> by_regime(const std::vector<double>& residuals, std::span<const KernelSample> samples) {
  constexpr std::size_t fewest = 30;
  std::array<std::vector<double>, TimeRegime::count> lists;
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    lists[TimeRegime::of(samples[i].time.value() / std::exp(residuals[i]))].push_back(residuals[i]);
  }
  std::array<ResidualQuantiles, TimeRegime::count> all;
  for (std::size_t r = 0; r < lists.size(); ++r) {
    const std::size_t samples_here = lists[r].size();
    all[r] = quantiles(samples_here < fewest ? residuals : std::move(lists[r]));
    all[r].samples = samples_here;
  }
  return all;
}

// Groups in order of their names, dealt out in turn to at most five folds.
struct Folds {
  std::size_t groups = 0, count = 0;
  std::vector<std::vector<std::size_t>> members;

  explicit Folds(std::span<const KernelSample> samples) {
    constexpr std::size_t most = 5;
    std::map<std::string, std::size_t> fold_of;
    for (const KernelSample& sample : samples) fold_of.emplace(sample.group, 0);
    std::size_t next = 0;
    for (auto& [group, fold] : fold_of) fold = next++ % most;
    groups = fold_of.size() > 1 ? fold_of.size() : 0;
    count = std::min(most, groups);
    members.resize(most);
    for (std::size_t i = 0; i < samples.size(); ++i) members[fold_of[samples[i].group]].push_back(i);
  }

  [[nodiscard]] std::vector<KernelSample> others(std::span<const KernelSample> samples, std::size_t fold) const {
    std::vector<KernelSample> list;
    for (std::size_t other = 0; other < count; ++other) {
      for (const std::size_t i : members[other]) {
        if (other != fold) list.push_back(samples[i]);
      }
    }
    return list;
  }
};

std::vector<double> bands_of_others(const Folds& folds, const std::vector<double>& residuals, std::span<const KernelSample> samples) {
  std::vector<double> bands(samples.size());
  for (std::size_t fold = 0; fold < folds.count; ++fold) {
    std::vector<double> theirs;
    for (std::size_t other = 0; other < folds.count; ++other) {
      for (const std::size_t i : folds.members[other]) {
        if (other != fold) theirs.push_back(residuals[i]);
      }
    }
    const auto regimes = by_regime(theirs, folds.others(samples, fold));
    for (const std::size_t i : folds.members[fold]) bands[i] = regimes[TimeRegime::of(samples[i].time.value() / std::exp(residuals[i]))].band;
  }
  return bands;
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
  const Folds folds(samples);
  result.groups = folds.groups;
  if (folds.groups == 0) {
    result.residuals = residuals_of(result.form, device, samples);
    return result;
  }
  result.residuals.resize(samples.size());
  for (std::size_t fold = 0; fold < folds.count; ++fold) {
    // From the very start: the form fitted to all, and the software's numbers chosen with it, know the group that is left out.
    const KernelForm without = fit_form(start, device, folds.others(samples, fold), several_starts);
    for (const std::size_t i : folds.members[fold]) result.residuals[i] = residual(without, device, samples[i]);
  }
  result.bands = bands_of_others(folds, result.residuals, samples);
  return result;
}

KernelFit fit_kernels(const Device& device, std::span<const KernelSample> samples) {
  assert(!samples.empty());
  KernelFit fit{.kind = kind_of(samples.front().kernel), .dtype = dtype_of(samples.front().kernel)};
  const HeldOutFit unseen = fit_left_out(device, samples);
  fit.samples = samples.size();
  fit.groups = unseen.groups;
  fit.form = unseen.form;
  fit.in_sample = errors(residuals_of(fit.form, device, samples));
  fit.left_out = errors(unseen.residuals);
  fit.residuals = by_regime(unseen.residuals, samples);
  return fit;
}

}  // namespace forerun

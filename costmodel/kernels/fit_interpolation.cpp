#include "costmodel/kernels/fit_interpolation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace forerun {
namespace {

constexpr std::array<double, 6> radii{0.5, 0.75, 1, 1.5, 2, 3};  // powers of two
constexpr std::array<double, 3> shrinks{0.1, 0.3, 1};
constexpr double enough = 0.95;  // what must be left of the form's errors at most
constexpr std::size_t fewest = 50;  // samples

using Near = ResidualInterpolation::Near;

struct Candidate {
  double radius = 0, shrink = 0;
  std::vector<Near> near;  // of each sample, from other folds

  [[nodiscard]] double residual(std::size_t i, const std::vector<double>& form) const {
    return form[i] - near[i].residual;
  }
};

Candidate candidate(double radius, double shrink, const Folds& folds, std::span<const KernelSample> samples,
                    const std::vector<std::vector<ShapeResidual>>& cells) {
  const auto without = [&](std::size_t fold) { return ResidualInterpolation({radius, shrink, cells[fold]}); };
  const auto near = [&](const ResidualInterpolation& interpolation, std::size_t i) {
    const auto shape = shape_of(samples[i].kernel);
    return shape ? interpolation.near(*shape) : Near{};
  };
  return {radius, shrink, predict_left_out(folds, without, near)};
}

std::vector<Candidate> candidates(const Folds& folds, std::span<const KernelSample> samples,
                                  const std::vector<std::vector<double>>& without) {
  std::vector<std::vector<ShapeResidual>> cells;
  for (std::size_t fold = 0; fold < folds.count(); ++fold)
    cells.push_back(cells_of(shape_residuals(samples, without[fold], folds.others(fold))));
  std::vector<Candidate> all;
  for (const double radius : radii) {
    for (const double shrink : shrinks) all.push_back(candidate(radius, shrink, folds, samples, cells));
  }
  return all;
}

// Smaller is better: of median and 90th percentile, relative to the form's, mostly the one that gains less.
double score(const FitError& error, const FitError& of_form) {
  const double median = error.median / of_form.median, p90 = error.p90 / of_form.p90;
  constexpr double of_both = 0.2;
  return std::max(median, p90) + of_both * (median + p90);
}

const Candidate& best(const std::vector<Candidate>& all, const std::vector<double>& form,
                      const std::vector<std::size_t>& indices) {
  const auto errors = [&](const Candidate* c) {
    std::vector<double> residuals;
    for (const std::size_t i : indices) residuals.push_back(c == nullptr ? form[i] : c->residual(i, form));
    return residual_errors(residuals);
  };
  const FitError of_form = errors(nullptr);
  const Candidate* chosen = nullptr;
  double least = 0;
  for (const Candidate& c : all) {
    const double s = score(errors(&c), of_form);
    if (chosen == nullptr || s < least) chosen = &c, least = s;
  }
  return *chosen;
}

}  // namespace

std::vector<ShapeResidual> shape_residuals(std::span<const KernelSample> samples, const std::vector<double>& residuals,
                                           const std::vector<std::size_t>& indices) {
  std::vector<ShapeResidual> list;
  for (const std::size_t i : indices) {
    if (const auto shape = shape_of(samples[i].kernel)) list.push_back({*shape, residuals[i]});
  }
  return list;
}

void interpolate_left_out(const Folds& folds, std::span<const KernelSample> samples,
                          const std::vector<std::vector<double>>& without, HeldOutFit& into) {
  const std::vector<double>& form = into.form_residuals;
  if (samples.size() < fewest || residual_errors(form).median == 0) return;
  const std::vector<Candidate> all = candidates(folds, samples, without);
  const std::vector<const Candidate*> by_others = predict_left_out(
      folds, [&](std::size_t fold) { return &best(all, form, folds.others(fold)); },
      [](const Candidate* c, std::size_t) { return c; });
  std::vector<double> residuals;
  std::vector<bool> dominated;
  std::vector<std::size_t> everyone;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    residuals.push_back(by_others[i]->residual(i, form));
    dominated.push_back(by_others[i]->near[i].dominates());
    everyone.push_back(i);
  }
  const FitError before = residual_errors(form), after = residual_errors(residuals);
  if (after.median > enough * before.median || after.p90 > enough * before.p90) return;
  const Candidate& chosen = best(all, form, everyone);
  into.field = ResidualField{chosen.radius, chosen.shrink, {}};
  into.residuals = std::move(residuals), into.dominated = std::move(dominated);
}

}  // namespace forerun

#include "costmodel/fitting/levenberg_marquardt.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "base/random.hpp"

namespace forerun {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

class Fitter {
 public:
  Fitter(std::span<const FitParameter> parameters, std::size_t samples, const Residuals& residuals,
         const FitOptions& options)
      : residuals_(residuals),
        options_(options),
        low_(as_logs(parameters, &FitParameter::low)),
        high_(as_logs(parameters, &FitParameter::high)),
        values_(parameters.size()),
        r_(static_cast<Index>(samples)),
        back_(r_),
        weights_(VectorXd::Ones(r_.size())),
        jacobian_(r_.size(), low_.size()) {
    if (!options.weights.empty()) weights_ = VectorXd::Map(options.weights.data(), r_.size());
  }

  static VectorXd as_logs(std::span<const FitParameter> parameters, double FitParameter::* field) {
    VectorXd x(static_cast<Index>(parameters.size()));
    for (Index i = 0; i < x.size(); ++i) x[i] = std::log(parameters[static_cast<std::size_t>(i)].*field);
    return x;
  }

  struct End {
    VectorXd x;
    double loss = 0;
    bool converged = false;
  };

  End descend(VectorXd x) {
    double damping = 1e-2, loss = loss_at(x);
    for (int i = 0; i < options_.iterations; ++i) {
      const double before = loss;
      step(x, loss, damping);
      if (before - loss <= options_.tolerance * before) return {std::move(x), loss, std::isfinite(loss)};
    }
    return {std::move(x), loss, false};
  }

  VectorXd drawn(Random& random) const {
    VectorXd x = low_;
    for (Index i = 0; i < x.size(); ++i) x[i] += random.uniform() * (high_[i] - low_[i]);
    return x;
  }

  std::vector<double> values(const VectorXd& x) const {
    std::vector<double> list(static_cast<std::size_t>(x.size()));
    for (Index i = 0; i < x.size(); ++i) list[static_cast<std::size_t>(i)] = std::exp(x[i]);
    return list;
  }

 private:
  void evaluate(const VectorXd& x, VectorXd& out) {
    for (Index i = 0; i < x.size(); ++i) values_[static_cast<std::size_t>(i)] = std::exp(x[i]);
    residuals_(values_, std::span(out.data(), static_cast<std::size_t>(out.size())));
  }

  double loss_at(const VectorXd& x) {
    evaluate(x, r_);
    const double s = options_.loss_scale;
    const double sum = s * s * (weights_.array() * ((1 + (r_.array() / s).square()).sqrt() - 1)).sum();
    return std::isfinite(sum) ? sum / weights_.sum() : std::numeric_limits<double>::infinity();
  }

  void differentiate(const VectorXd& x) {
    for (Index i = 0; i < x.size(); ++i) {
      VectorXd ahead = x, behind = x;
      ahead[i] = std::min(x[i] + options_.difference, high_[i]);
      behind[i] = std::max(x[i] - options_.difference, low_[i]);
      const double distance = ahead[i] - behind[i];
      if (distance <= 0) {
        jacobian_.col(i).setZero();
        continue;
      }
      evaluate(ahead, r_);
      evaluate(behind, back_);
      jacobian_.col(i) = (r_ - back_) / distance;
    }
  }

  // One accepted step, or none if no damping makes the loss fall.
  void step(VectorXd& x, double& loss, double& damping) {
    if (!std::isfinite(loss)) return;
    differentiate(x);
    evaluate(x, r_);
    const VectorXd weights = weights_.array() * (1 + (r_.array() / options_.loss_scale).square()).sqrt().inverse();
    MatrixXd normal = jacobian_.transpose() * weights.asDiagonal() * jacobian_;
    VectorXd slope = jacobian_.transpose() * weights.cwiseProduct(r_);
    if (!normal.allFinite() || !slope.allFinite()) return;
    hold_at_bounds(x, normal, slope);
    for (int attempt = 0; attempt < 12; ++attempt, damping *= 4) {
      MatrixXd damped = normal;
      damped.diagonal() += damping * normal.diagonal();
      const VectorXd next = (x - damped.ldlt().solve(slope)).cwiseMax(low_).cwiseMin(high_);
      const double reached = loss_at(next);
      if (reached < loss) {
        x = next, loss = reached, damping = std::max(damping / 5, 1e-9);
        return;
      }
    }
    damping = 1e-2;
  }

  // A parameter that sits on a bound and wants to leave it outwards, or that changes nothing, takes no part in this
  // step.
  void hold_at_bounds(const VectorXd& x, MatrixXd& normal, VectorXd& slope) const {
    for (Index i = 0; i < x.size(); ++i) {
      const bool outwards = (x[i] <= low_[i] && slope[i] > 0) || (x[i] >= high_[i] && slope[i] < 0);
      if (!outwards && normal(i, i) > 0) continue;
      normal.row(i).setZero();
      normal.col(i).setZero();
      normal(i, i) = 1;
      slope[i] = 0;
    }
  }

  const Residuals& residuals_;
  FitOptions options_;
  VectorXd low_, high_;
  std::vector<double> values_;
  VectorXd r_, back_, weights_;
  MatrixXd jacobian_;
};

}  // namespace

FitResult fit(std::span<const FitParameter> parameters, std::size_t samples, const Residuals& residuals,
              const FitOptions& options) {
  assert(samples > 0 && options.starts > 0);
  assert(options.weights.empty() || options.weights.size() == samples);
  for (const FitParameter& p : parameters) assert(0 < p.low && p.low <= p.start && p.start <= p.high);
  Fitter fitter(parameters, samples, residuals, options);
  Random random(options.seed);
  auto best = fitter.descend(Fitter::as_logs(parameters, &FitParameter::start));
  for (int i = 1; i < options.starts; ++i) {
    auto end = fitter.descend(fitter.drawn(random));
    if (end.loss < best.loss) best = std::move(end);
  }
  FitResult result{fitter.values(best.x), best.loss, best.converged};
  for (std::size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = std::clamp(result.values[i], parameters[i].low, parameters[i].high);
  return result;
}

}  // namespace forerun

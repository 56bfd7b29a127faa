#include "profiler/kernel_samples.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <stdexcept>
#include <vector>

namespace forerun {
namespace {

constexpr double drifted = 0.1;

class Sweep {
 public:
  Sweep(const ProfileOptions& o, Sampler& sampler, SampleFile& file, const ProfileProgress& progress)
      : o_(o), sampler_(sampler), file_(file), progress_(progress) {}

  Result<KernelSamples> run() {
    const std::vector<KernelCase> cases = plan_sweep(o_.sweep, o_.range, o_.dtypes, o_.seed);
    std::vector<const KernelCase*> missing;
    for (const KernelCase& one : cases) {
      if (file_.has(source, key_of(one))) {
        ++result_.kept;
      } else {
        missing.push_back(&one);
      }
    }
    measurements_ = missing.size() * passes();
    const std::size_t part = passes() > 1 ? part_of_passes : 1;
    for (std::size_t first = 0; first < missing.size(); first += part) {
      const auto of_part = std::span(missing).subspan(first, std::min(part, missing.size() - first));
      if (const auto added = add(of_part); !added) return fail(added.error());
    }
    result_.rows = file_.rows();
    return result_;
  }

 private:
  static constexpr std::size_t reference_every = 40;
  static constexpr std::size_t part_of_passes = 50;  // what an interruption may lose: some ten seconds
  static constexpr const char* source = "profile";

  [[nodiscard]] std::size_t passes() const { return static_cast<std::size_t>(o_.passes); }

  Result<void> add(std::span<const KernelCase* const> part) {
    const Effort share{o_.effort.budget / static_cast<double>(passes()), (o_.effort.fewest + passes() - 1) / passes(),
                       (o_.effort.most + passes() - 1) / passes()};
    std::vector<std::vector<RunTimes>> times(part.size());
    std::vector<double> drift(part.size());
    for (std::size_t pass = 0; pass < passes(); ++pass) {
      for (std::size_t i = 0; i < part.size(); ++i) {
        if (progress_) progress_(static_cast<double>(measured_) / static_cast<double>(measurements_), "kernels");
        if (measured_++ % reference_every == 0) check_reference();
        if (!failed_.contains(part[i])) measure_once(*part[i], share, times[i]);
        if (std::abs(drift_) > std::abs(drift[i])) drift[i] = drift_;
      }
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (times[i].empty()) continue;
      if (const auto added = add(*part[i], times[i], drift[i]); !added) return added;
    }
    return {};
  }

  // One case that a library refuses is a remark, not the end of the sweep.
  void measure_once(const KernelCase& one, const Effort& share, std::vector<RunTimes>& times) {
    try {
      times.push_back(measure(sampler_, one, share, sampler_.ranks()));
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::runtime_error& error) {
      failed_.insert(&one);
      result_.failed.push_back(fmt::format("{} was not measured: {}", key_of(one), error.what()));
    }
  }

  // The pass whose time is the median says the spread.
  Result<void> add(const KernelCase& one, std::vector<RunTimes>& passes, double drift) {
    std::ranges::sort(passes, {}, [](const RunTimes& t) { return t.median.value(); });
    const RunTimes& t = passes[passes.size() / 2];
    std::size_t runs = 0, outliers = 0;
    for (const RunTimes& pass : passes) runs += pass.runs, outliers += pass.outliers;
    std::string remarks = fmt::format("spread={:.3f};ranks={};runs={}", t.spread, sampler_.ranks(), runs);
    if (outliers > 0) remarks += fmt::format(";outliers={}", outliers);
    if (passes.size() > 1)
      remarks += fmt::format(";passes={:.3f}", (passes.back().median - passes.front().median) / t.median);
    if (std::abs(drift) > drifted) remarks += fmt::format(";drift={:+.2f}", drift);
    if (!t.notes.empty()) remarks += ";" + t.notes;
    return file_.add(source, key_of(one),
                     kernel_row(source, file_.owner().gpu, one, t.median, sampler_.library(), remarks));
  }

  void check_reference() {
    const Seconds now = measure(sampler_, o_.reference, o_.effort, sampler_.ranks()).median;
    if (first_ == Seconds{0}) first_ = now;
    drift_ = now / first_ - 1;
    if (std::abs(drift_) > std::abs(result_.drift)) result_.drift = drift_;
  }

  const ProfileOptions& o_;
  Sampler& sampler_;
  SampleFile& file_;
  const ProfileProgress& progress_;
  KernelSamples result_;
  std::set<const KernelCase*> failed_;
  std::size_t measured_ = 0, measurements_ = 0;
  Seconds first_;
  double drift_ = 0;
};

}  // namespace

Result<KernelSamples> sample_kernels(const ProfileOptions& o, Sampler& sampler, SampleFile& file,
                                     const ProfileProgress& progress) {
  return Sweep(o, sampler, file, progress).run();
}

std::optional<std::string> drift_remark(double drift) {
  if (std::abs(drift) <= drifted) return std::nullopt;
  return fmt::format(
      "a reference product drifted by {:+.0f} %: the machine was busy or throttled; rows of that time say so in their "
      "notes",
      100 * drift);
}

}  // namespace forerun

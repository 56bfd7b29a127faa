#include "profiler/kernel_samples.hpp"

#include <fmt/format.h>

#include <cmath>

namespace forerun {
namespace {

constexpr double drifted = 0.1;

class Sweep {
 public:
  Sweep(const ProfileOptions& o, Sampler& sampler, const std::string& device, const ProfileProgress& progress)
      : o_(o), sampler_(sampler), device_(device), progress_(progress) {}

  Result<KernelSamples> run() {
    const std::string path = paths_of(o_.stem).samples;
    Result<SampleFile> file = SampleFile::open(path, kernel_columns, o_.resume);
    if (!file) return fail(file.error());
    for (const std::string& other : file->devices()) {
      if (other != device_) {
        return fail(Problem{{path, 0, 0}, fmt::format("these are samples of {}, not of {}", other, device_), "leave --resume out to begin anew, or name another file with --out"});
      }
    }
    const std::vector<KernelCase> cases = plan_sweep(o_.sweep, o_.range, o_.dtypes, o_.seed);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (progress_) progress_(static_cast<double>(i) / static_cast<double>(cases.size()), "kernels");
      if (file->has(source, key_of(cases[i]))) {
        ++result_.kept;
        continue;
      }
      if (since_reference_++ % reference_every == 0) check_reference();
      if (const auto added = add(*file, cases[i]); !added) return fail(added.error());
    }
    result_.rows = file->rows();
    return result_;
  }

 private:
  static constexpr std::size_t reference_every = 40;
  static constexpr const char* source = "profile";

  Result<void> add(SampleFile& file, const KernelCase& one) const {
    const RunTimes t = measure(sampler_, one, o_.effort, sampler_.ranks());
    std::string remarks = fmt::format("spread={:.3f};ranks={};runs={}", t.spread, sampler_.ranks(), t.runs);
    if (t.outliers > 0) remarks += fmt::format(";outliers={}", t.outliers);
    if (std::abs(drift_) > drifted) remarks += fmt::format(";drift={:+.2f}", drift_);
    if (!t.notes.empty()) remarks += ";" + t.notes;
    return file.add(source, key_of(one), kernel_row(source, device_, one, t.median, sampler_.library(), remarks));
  }

  void check_reference() {
    const Seconds now = measure(sampler_, o_.reference, o_.effort, sampler_.ranks()).median;
    if (first_ == Seconds{0}) first_ = now;
    drift_ = now / first_ - 1;
    if (std::abs(drift_) > std::abs(result_.drift)) result_.drift = drift_;
  }

  const ProfileOptions& o_;
  Sampler& sampler_;
  const std::string& device_;
  const ProfileProgress& progress_;
  KernelSamples result_;
  std::size_t since_reference_ = 0;
  Seconds first_;
  double drift_ = 0;
};

}  // namespace

Result<KernelSamples> sample_kernels(const ProfileOptions& o, Sampler& sampler, const std::string& device, const ProfileProgress& progress) {
  return Sweep(o, sampler, device, progress).run();
}

std::optional<std::string> drift_remark(double drift) {
  if (std::abs(drift) <= drifted) return std::nullopt;
  return fmt::format("a reference product drifted by {:+.0f} %: the machine was busy or throttled; rows of that time say so in their notes", 100 * drift);
}

}  // namespace forerun

#include "validation/kernels/kernel_validation.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "costmodel/fitting/errors.hpp"
#include "costmodel/kernel_model.hpp"
#include "hardware/catalog.hpp"
#include "validation/kernels/kernel_fitting.hpp"

namespace forerun {
namespace {

struct Prediction {
  Seconds predicted, measured;
  bool inside = false;
  Evidence evidence = Evidence::datasheet;
};

KernelScore score(const std::vector<Prediction>& list) {
  std::vector<double> errors;
  Seconds predicted, measured;
  std::size_t inside = 0;
  for (const Prediction& p : list) {
    errors.push_back(p.predicted / p.measured - 1);
    predicted += p.predicted, measured += p.measured;
    inside += p.inside ? 1 : 0;
  }
  const ErrorSummary s = summarise(errors);
  return {s.n, s.median, s.p90, predicted / measured, static_cast<double>(inside) / static_cast<double>(list.size())};
}

// Kernels of the generation of FlashAttention-3 and of TensorRT-LLM fill the matrix units of Hopper.
AttentionKernel attention_of(const std::string& library) {
  const bool newest = library.find("fa3") != library.npos || library.find("fa4") != library.npos ||
                      library.find("trtllm") != library.npos;
  return newest ? AttentionKernel::flash3 : AttentionKernel::flash2;
}

// "vllm-0.24.0/flash_attn": a stack and the kernel that it called.
std::string stack_of(const KernelRow& row) { return row.library.substr(0, row.library.find('/')); }

class Models {
 public:
  explicit Models(const KernelValidationOptions& options) : options_(options) {}

  const KernelModel* of(const std::string& gpu, const std::string& library, Problems& problems) {
    auto [model, fresh] = models_.try_emplace({gpu, library});
    if (!fresh) return model->second.get();
    const Device device = *find_device(gpu);  // the reader has checked it
    const Result<FamilyParameters> family = find_family_parameters(device.family);
    if (!family) {
      problems.insert(problems.end(), family.error().begin(), family.error().end());
      return nullptr;
    }
    const KernelCalibration* calibration = options_.calibration ? &*options_.calibration : nullptr;
    const KernelChoice choice{.attention = attention_of(library),
                              .library = library,
                              .sustained = false,
                              .own = options_.own.of_device(device.name),
                              .calibration = calibration};
    model->second = make_kernels(device, *family, choice);
    return model->second.get();
  }

 private:
  const KernelValidationOptions& options_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<KernelModel>> models_;
};

// For each row the prediction of a fit to the file's other groups; not where a library has too few rows.
std::vector<std::optional<Prediction>> left_out(const std::vector<KernelRow>& rows) {
  std::map<std::tuple<std::string, KernelKind, DType, std::string>, std::vector<std::size_t>> libraries;
  for (std::size_t i = 0; i < rows.size(); ++i)
    libraries[{rows[i].gpu, kind_of(rows[i].kernel), rows[i].dtype, rows[i].library}].push_back(i);
  std::vector<std::optional<Prediction>> all(rows.size());
  for (const auto& [key, members] : libraries) {
    if (members.size() < fewest_samples) continue;
    std::vector<KernelSample> samples;
    for (const std::size_t i : members) samples.push_back({rows[i].kernel, rows[i].time, rows[i].group});
    const HeldOutFit fit = fit_left_out(*find_device(std::get<0>(key)), samples);
    if (fit.groups == 0) continue;
    for (std::size_t j = 0; j < members.size(); ++j) {
      const Seconds predicted = samples[j].time / std::exp(fit.residuals[j]);
      all[members[j]] = {predicted, samples[j].time, std::abs(fit.residuals[j]) <= fit.bands[j],
                         fit.dominated[j] ? Evidence::measured : Evidence::fitted};
    }
  }
  return all;
}

}  // namespace

Result<KernelValidation> validate_kernels(const KernelRows& rows, const KernelValidationOptions& options) {
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string>;
  std::map<Key, std::pair<std::vector<Prediction>, std::vector<Prediction>>> groups;
  KernelValidation validation{.collectives = rows.collectives, .skipped = rows.skipped};
  Models models(options);
  Problems problems;
  std::vector<std::optional<Prediction>> unseen(rows.rows.size());
  if (options.left_out) unseen = left_out(rows.rows);
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const KernelRow& row = rows.rows[i];
    if (row.time <= options.over) continue;
    ++validation.rows;
    const KernelModel* model = models.of(row.gpu, row.library, problems);
    if (model == nullptr) continue;
    const Timing t = model->time(row.kernel);
    auto& [predicted, refitted] = groups[{row.source, row.gpu, std::string(to_string(row.dtype)), row.kind,
                                          options.by_library ? stack_of(row) : ""}];
    predicted.push_back({t.median, row.time, row.time >= t.low() && row.time <= t.high(), t.evidence});
    if (unseen[i]) refitted.push_back(*unseen[i]);
  }
  if (!problems.empty()) return fail(std::move(problems));
  for (const auto& [key, predictions] : groups) {
    const auto& [source, gpu, dtype, kind, stack] = key;
    const auto weaker = [](const Prediction& a, const Prediction& b) { return a.evidence < b.evidence; };
    KernelGroupScore group{source, gpu, dtype, kind, stack, score(predictions.first)};
    group.evidence = std::min_element(predictions.first.begin(), predictions.first.end(), weaker)->evidence;
    if (!predictions.second.empty()) group.left_out = score(predictions.second);
    validation.groups.push_back(std::move(group));
  }
  return validation;
}

}  // namespace forerun

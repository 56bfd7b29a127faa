#include "costmodel/collectives/collective_fit.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "costmodel/collectives/collective_errors.hpp"
#include "costmodel/fitting/levenberg_marquardt.hpp"

namespace forerun {
namespace {

using Samples = std::span<const CollectiveSample>;

// Which parameters a set of samples can tell.

bool has_several_sizes_of_group(Samples samples) {
  return std::any_of(samples.begin(), samples.end(),
                     [&](const CollectiveSample& s) { return s.group.ranks != samples.front().group.ranks; });
}

bool tells(std::string_view field, Samples samples, HostFloor floor, bool given) {
  const CollectiveKind kind = samples.front().kind;
  if (field == "floor") return floor == HostFloor::fitted;
  if (given) return field == "rate";
  if (field == "step" || field == "copy") return kind != CollectiveKind::send && has_several_sizes_of_group(samples);
  if (field.starts_with("switch")) {
    return kind == CollectiveKind::all_reduce &&
           std::any_of(samples.begin(), samples.end(), [](const CollectiveSample& s) {
             return s.group.reduces_in_switch && s.group.ranks >= fewest_for_switch;
           });
  }
  if (field.starts_with("small")) return kind == CollectiveKind::all_to_all;
  return true;
}

// What is not told keeps its start value; paths that do not exist keep rate 0.
CollectiveForm start_form(Samples samples, HostFloor floor, const CollectiveForm* given) {
  CollectiveForm form = given != nullptr ? *given : CollectiveForm{};
  for (const auto& field : fields_of<CollectiveForm>()) {
    const bool known = given != nullptr || field.name == "step" || field.name == "copy";
    if (tells(field.name, samples, floor, given != nullptr) || (known && given == nullptr))
      form.*field.member = field.start;
  }
  if (given == nullptr && samples.front().kind == CollectiveKind::send) form.step = 0;
  return form;
}

constexpr int starts = 6;

}  // namespace

CollectiveForm fit_node_form(Samples samples, HostFloor floor, const CollectiveForm* given) {
  assert(!samples.empty());
  const CollectiveForm from = start_form(samples, floor, given);
  std::vector<FitParameter> parameters;
  std::vector<double CollectiveForm::*> members;
  for (const auto& field : fields_of<CollectiveForm>()) {
    if (!tells(field.name, samples, floor, given != nullptr)) continue;
    parameters.push_back(
        {std::string(field.name), field.low, std::clamp(from.*field.member, field.low, field.high), field.high});
    members.push_back(field.member);
  }
  const auto with = [&](std::span<const double> values) {
    CollectiveForm form = from;
    for (std::size_t i = 0; i < members.size(); ++i) form.*members[i] = values[i];
    return form;
  };
  const Residuals residuals = [&](std::span<const double> values, std::span<double> out) {
    const CollectiveForm form = with(values);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const CollectiveSample& s = samples[i];
      out[i] = log_error(time(form, s.kind, s.group.ranks, s.bytes, s.group.port), s);
    }
  };
  return with(fit(parameters, samples.size(), residuals, {.starts = starts}).values);
}

NodeFit fit_node(Samples samples, HostFloor floor, const CollectiveForm* given) {
  const auto priced_by = [](const CollectiveForm& form) -> SampleModel {
    return [form](const CollectiveSample& s) { return time(form, s.kind, s.group.ranks, s.bytes, s.group.port); };
  };
  const auto logs =
      left_out_errors(samples, [&](Samples kept) { return priced_by(fit_node_form(kept, floor, given)); });
  const CollectiveForm form = fit_node_form(samples, floor, given);
  return {form, errors(log_errors(samples, priced_by(form))), errors(logs), spreads(logs, samples), samples.size()};
}

Seconds time(const NetworkForm& form, CollectiveKind kind, Bytes bytes, NcclGroup group,
             const NcclCorrection& generation) {
  group.network_latency = Seconds{form.latency};
  group.network = form.share * group.network;
  NcclCorrection c = generation;
  c.pipelining = form.pipelining;
  if (kind == CollectiveKind::all_to_all) return nccl_all_to_all(bytes, group, c);
  if (kind == CollectiveKind::send) return nccl_send(bytes, group, c);
  return nccl_choice(kind, bytes, group, c).time;
}

NetworkForm fit_network_form(Samples samples) {
  assert(!samples.empty());
  // Large messages do not tell the latency.
  constexpr Bytes small{8e6};
  const bool tells_latency =
      std::any_of(samples.begin(), samples.end(), [&](const CollectiveSample& s) { return s.bytes <= small; });
  const double least = tells_latency ? 1e-8 : 1e-6, most = tells_latency ? 1e-3 : 1e-6;
  const std::vector<FitParameter> parameters{
      {"latency", least, 1e-6, most}, {"share", 0.01, 0.9, 1.5}, {"pipelining", 0.01, 0.4, 5}};
  const auto with = [](std::span<const double> v) { return NetworkForm{v[0], v[1], v[2]}; };
  const Residuals residuals = [&](std::span<const double> values, std::span<double> out) {
    const NetworkForm form = with(values);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const CollectiveSample& s = samples[i];
      out[i] = log_error(time(form, s.kind, s.bytes, s.group, practice(s.group)), s);
    }
  };
  return with(fit(parameters, samples.size(), residuals, {.starts = starts}).values);
}

NetworkFit fit_network(Samples samples) {
  const auto priced_by = [](const NetworkForm& form) -> SampleModel {
    return [form](const CollectiveSample& s) { return time(form, s.kind, s.bytes, s.group, practice(s.group)); };
  };
  const auto logs = left_out_errors(samples, [&](Samples kept) { return priced_by(fit_network_form(kept)); });
  const NetworkForm form = fit_network_form(samples);
  return {form, errors(log_errors(samples, priced_by(form))), errors(logs), spreads(logs, samples), samples.size()};
}

}  // namespace forerun

#include "reports/scenario_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "base/units.hpp"
#include "costmodel/kernel_model.hpp"
#include "costmodel/own_calibrations.hpp"
#include "costmodel/parameters.hpp"
#include "reports/value_json.hpp"
#include "strategies/plan/plan_fields.hpp"
#include "strategies/plan/plan_remarks.hpp"
#include "workloads/jobs/job_fields.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

std::string own_sources(const PricedScenario& s) {
  std::string text;
  for (const CalibrationFile& file : s.own->files)
    text += fmt::format("Own calibration {}: {}.\n", file.subject.file, join(contents(file, s.given.cluster), ", "));
  return text;
}

// Words of the plan's line that are this program's own.
std::string words_of(const Plan& plan) {
  std::vector<std::string> words;
  if (plan.virtual_stages > 1)
    words.push_back(fmt::format("x{0}: a stage holds {0} chunks of blocks", plan.virtual_stages));
  if (plan.pp > 1 && plan.cut == StageCut::even_with_ends)
    words.emplace_back("even_with_ends: embedding and head count as a block each where blocks are cut into chunks");
  return words.empty() ? "" : fmt::format("({})\n", join(words, "; "));
}

Json calibration_json(const CalibrationFile& file, const Cluster& cluster) {
  Json json = {{"file", file.subject.file}};
  if (const auto* kernels = std::get_if<KernelCalibration>(&file.of)) {
    json["device"] = kernels->device;
  } else {
    json["generation"] = to_string(std::get<CollectiveCalibration>(file.of).generation);
  }
  json["fits"] = contents(file, cluster);
  return json;
}

}  // namespace

std::string counted(std::size_t n, std::string_view noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

namespace {

std::string size_text(const Model& model) {
  const std::int64_t all = parameter_count(model), active = active_parameter_count(model);
  const std::string text = format_count(static_cast<double>(all)) + " parameters";
  return active == all ? text : fmt::format("{}, {} active", text, format_count(static_cast<double>(active)));
}

// What is trained, where it is not all: "finetune lora (rank: 8, target: [q_proj, v_proj])".
std::string kind_text(const Job& job) {
  std::string text(to_string(job.kind));
  if (job.tuning.kind == TuningKind::full) return text;
  std::string keys = fields::flow_yaml(tuning_fields().write(job.tuning));
  if (keys.size() > 2) keys = " (" + keys.substr(1, keys.size() - 2) + ")";
  return fmt::format("{} {}{}", text, to_string(job.tuning.kind), keys);
}

}  // namespace

std::string headline(const Scenario& s) {
  const std::string optimizer =
      s.job.optimizer == Optimizer::adamw ? "" : fmt::format(", {}", to_string(s.job.optimizer));
  const std::string skew = s.job.expert_skew == 1 ? "" : fmt::format(", expert skew {}", s.job.expert_skew);
  return fmt::format("{} ({}), {}, sequence {}, global batch {}, {}{}{}\n{}: {} x {}, software {}\n", s.model.name,
                     size_text(s.model), kind_text(s.job), s.job.sequence, s.job.global_batch, to_string(s.job.dtype),
                     optimizer, skew, s.cluster.name, s.gpus, node_of(s.cluster).device.name, s.stack.name);
}

std::string headline(const Scenario& scenario, const Plan& plan) {
  std::string text = fmt::format("{}plan: {}\n{}", headline(scenario), summary(plan), words_of(plan));
  for (const std::string& remark : remarks_on(scenario, plan)) text += fmt::format("note: {}\n", remark);
  return text + "\n";
}

Json to_json(const Plan& p) { return to_json(plan_fields().write(p)); }

Json to_json(const Scenario& s) {
  return {{"model", s.model.name},
          {"parameters", parameter_count(s.model)},
          {"active_parameters", active_parameter_count(s.model)},
          {"cluster", s.cluster.name},
          {"gpus", s.gpus},
          {"device", node_of(s.cluster).device.name},
          {"stack", s.stack.name},
          {"job", to_json(job_fields().write(s.job))}};
}

Json headline_json(const Scenario& scenario, const Plan& plan) {
  Json json = to_json(scenario);
  json["plan"] = to_json(plan);
  json["remarks"] = remarks_on(scenario, plan);
  return json;
}

std::optional<FlopsPerSecond> power_limit(const PricedScenario& s) {
  return power_limited_rate(s.device(), s.parameters->gemm);
}

std::string sources(const PricedScenario& s) {
  const bool fitted = s.parameters->evidence >= Evidence::fitted;
  const std::string kernels =
      fitted ? fmt::format("products and attention fitted to measurements of {}, the rest by ", s.device().name) : "";
  const auto limit = power_limit(s);
  const std::string power =
      limit ? fmt::format("Products are limited by {} to {} of the peak.\n", format(s.device().power),
                          format_percent(*limit / peak(s.device(), DType::bf16)))
            : "";
  return power + own_sources(s) +
         fmt::format(
             "Times: {} rung: {}family '{}' ({}); 80 % bands of steps {}.\n"
             "MFU and HFU count of attention what mask and window leave (full square: all of it, as "
             "Narayanan et al. 2021 do), "
             "against the dense {} peak. Software figures: {} ({}).\n",
             to_string(s.parameters->evidence), kernels, s.parameters->family, s.parameters->source,
             s.given.stack.spread ? "from runs of this software that its fit did not see"
                                  : "from kernels alone, not checked against runs of this software",
             to_string(s.given.job.dtype), s.given.stack.name, s.given.stack.source);
}

void add_sources(Json& answer, const PricedScenario& s) {
  const auto limit = power_limit(s);
  answer["power_limited_share"] = limit ? Json(*limit / peak(s.device(), DType::bf16)) : Json();
  if (s.own->empty()) return;
  answer["calibrations"] = Json::array();
  for (const CalibrationFile& file : s.own->files)
    answer["calibrations"].push_back(calibration_json(file, s.given.cluster));
}

}  // namespace forerun

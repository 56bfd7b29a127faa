#include "reports/report.hpp"

#include <nlohmann/json.hpp>

#include "costmodel/own_calibrations.hpp"
#include "reports/value_json.hpp"
#include "strategies/plan/plan_fields.hpp"
#include "workloads/jobs/job_fields.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

Json bytes(Bytes b) { return static_cast<std::int64_t>(b.value()); }

}  // namespace

Json to_json(const StageMemory& m) {
  return {{"parameters", bytes(m.parameters)},       {"gradients", bytes(m.gradients)},
          {"optimizer", bytes(m.optimizer)},         {"activations", bytes(m.activations)},
          {"gathered", bytes(m.gathered)},           {"transient", bytes(m.transient)},
          {"communication", bytes(m.communication)}, {"workspace", bytes(m.workspace)},
          {"allocated", bytes(m.allocated())}};
}

Json to_json(const Breakdown& b) {
  Json exposed = Json::object(), hidden = Json::object();
  for (const Dimension d : all_dimensions) {
    exposed[std::string(to_string(d))] = b.exposed_in(d).value();
    hidden[std::string(to_string(d))] = b.hidden_in(d).value();
  }
  return {{"compute_s", b.compute.value()}, {"recompute_s", b.recompute.value()},
          {"exposed_s", exposed},           {"hidden_s", hidden},
          {"bubble_s", b.bubble.value()},   {"optimizer_s", b.optimizer.value()},
          {"offload_s", b.offload.value()}, {"host_s", b.host.value()}};
}

Json to_json(const Traffic& traffic) {
  Json all = Json::object();
  for (std::size_t f = 0; f < flow_count; ++f) {
    const auto flow = static_cast<Flow>(f);
    if (traffic[flow].api == Bytes{0}) continue;
    all[std::string(to_string(dimension_of(flow)))][std::string(name_of(flow))] = {{"api", bytes(traffic[flow].api)},
                                                                                   {"wire", bytes(traffic[flow].wire)}};
  }
  return all;
}

Json to_json(const Plan& p) { return to_json(plan_fields().write(p)); }

Json to_json(const Scenario& s) {
  return {{"model", s.model.name}, {"cluster", s.cluster.name},
          {"gpus", s.gpus},        {"device", node_of(s.cluster).device.name},
          {"stack", s.stack.name}, {"job", to_json(job_fields().write(s.job))}};
}

Json to_json(const MemoryUse& m) {
  Json stages = Json::array();
  for (const StageMemory& stage : m.stages) stages.push_back(to_json(stage));
  return {{"total", bytes(m.total())},
          {"capacity", bytes(m.capacity)},
          {"headroom", bytes(m.headroom())},
          {"fits", m.fits()},
          {"peak_stage", m.peak_stage},
          {"peak", to_json(m.peak())},
          {"reserve", bytes(m.reserve)},
          {"context", bytes(m.context)},
          {"stages", stages}};
}

Json to_json(const Estimate& e) {
  Json json = {{"step_time_s", e.step.median.value()},
               {"low", e.step.low().value()},
               {"high", e.step.high().value()},
               {"evidence", to_string(e.step.evidence)},
               {"tokens_per_s", e.tokens_per_second},
               {"mfu", e.mfu},
               {"hfu", e.hfu},
               {"energy_j", e.energy.value()},
               {"cost_usd", e.cost ? Json(e.cost->value()) : Json()},
               {"memory", to_json(e.memory)},
               {"breakdown", to_json(e.breakdown)},
               {"bytes", to_json(e.traffic)}};
  return json;
}

Json to_json(const RankedPlan& ranked) {
  Json json = {{"plan", to_json(ranked.plan)}};
  json.update(to_json(ranked.estimate));
  return json;
}

Json to_json(const SimulatedPlan& plan) {
  Json json = to_json(plan.ranked);
  json["simulated"] = plan.step ? Json{{"step_time_s", plan.step->value()}, {"difference", plan.difference()}} : Json();
  return json;
}

Json to_json(const std::vector<Change>& changes) {
  Json list = Json::array();
  for (const Change& change : changes) {
    list.push_back({{"change", change.what}, {"plan", to_json(change.plan)}, {"memory_total", bytes(change.total)}});
  }
  return list;
}

Json to_json(const Certificate& c) {
  return {{"total", c.total},
          {"evaluated", c.evaluated},
          {"pruned_memory", c.pruned_memory},
          {"pruned_bound", c.pruned_bound}};
}

Json to_json(const OwnCalibrations& own, const Cluster& cluster) {
  Json list = Json::array();
  for (const CalibrationFile& file : own.files) {
    Json json = {{"file", file.subject.file}};
    if (const auto* kernels = std::get_if<KernelCalibration>(&file.of)) {
      json["device"] = kernels->device;
    } else {
      json["generation"] = to_string(std::get<CollectiveCalibration>(file.of).generation);
    }
    json["fits"] = contents(file, cluster);
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace forerun

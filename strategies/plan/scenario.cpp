#include "strategies/plan/scenario.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "costmodel/collective_model.hpp"
#include "costmodel/kernel_model.hpp"
#include "costmodel/own_calibrations.hpp"
#include "costmodel/parameters.hpp"
#include "costmodel/reach.hpp"

namespace forerun {

namespace {

Problems of_other_software(const OwnCalibrations& own, const Stack& stack) {
  Problems problems;
  for (const CalibrationFile& file : own.files) {
    const auto* kernels = std::get_if<KernelCalibration>(&file.of);
    if (kernels == nullptr || kernels->software.empty() || kernels->software == stack.name) continue;
    problems.push_back({file.subject,
                        fmt::format("a calibration of kernels that only {} runs, but the software is {}",
                                    kernels->software, stack.name),
                        fmt::format("write stack: {}, or leave this calibration out", kernels->software)});
  }
  return problems;
}

}  // namespace

Result<PricedScenario> price(Scenario scenario, const OwnCalibrations& own) {
  Problems problems = check(scenario.model);
  if (!is_homogeneous(scenario.cluster)) {
    problems.push_back(
        {{},
         fmt::format("cluster '{}' mixes kinds of devices; plans are uniform so far", scenario.cluster.name),
         "name a cluster of one kind of device"});
    return fail(std::move(problems));
  }
  if (scenario.model.blocks.empty())
    problems.push_back({{}, fmt::format("model '{}' has no blocks", scenario.model.name), ""});
  if (scenario.model.positions == Positions::learned && scenario.job.sequence > scenario.model.max_positions) {
    problems.push_back({{},
                        fmt::format("sequence {} is longer than the {} learned positions of {}", scenario.job.sequence,
                                    scenario.model.max_positions, scenario.model.name),
                        fmt::format("use a sequence of at most {}", scenario.model.max_positions)});
  }
  if (scenario.job.expert_skew != 1 && !is_mixture(scenario.model)) {
    problems.push_back(
        {{},
         fmt::format("expert_skew {}, but {} has no experts", scenario.job.expert_skew, scenario.model.name),
         "leave expert_skew out"});
  }
  for (Problem& problem : check(scenario.job.tuning, scenario.model)) problems.push_back(std::move(problem));
  Result<Topology> topology = build_topology(scenario.cluster, scenario.gpus);
  if (!topology) problems.insert(problems.end(), topology.error().begin(), topology.error().end());
  const Device& device = node_of(scenario.cluster).device;
  if (!device.peak.contains(scenario.job.dtype)) {
    std::vector<std::string> formats;
    for (const DType dtype : {DType::bf16, DType::fp16, DType::fp8, DType::fp32, DType::fp64}) {
      if (device.peak.contains(dtype)) formats.emplace_back(to_string(dtype));
    }
    problems.push_back({{},
                        fmt::format("{} has no {} arithmetic", device.name, to_string(scenario.job.dtype)),
                        "use " + join(formats, ", ")});
  }
  Result<FamilyParameters> parameters = find_family_parameters(device.family);
  if (!parameters) problems.insert(problems.end(), parameters.error().begin(), parameters.error().end());
  if (parameters) {
    for (Problem& problem : mismatches(own, scenario.cluster, parameters->nccl)) problems.push_back(std::move(problem));
  }
  for (Problem& problem : of_other_software(own, scenario.stack)) problems.push_back(std::move(problem));
  if (!problems.empty()) return fail(std::move(problems));

  scenario.model.dropout = scenario.model.dropout && scenario.stack.dropout;
  scenario.stack = on_devices(std::move(scenario.stack), device, scenario.gpus, scenario.job);
  freeze_blocks(scenario.job.tuning, scenario.model);
  PricedScenario priced;
  priced.topology = *topology;
  priced.own = std::make_shared<const OwnCalibrations>(own);
  if (parameters->nccl) {
    const CollectiveCalibration* measured = own.of_generation(parameters->nccl->generation);
    if (measured != nullptr) parameters->nccl = merged(*parameters->nccl, *measured);
  }
  const KernelChoice choice{.attention = scenario.stack.attention,
                            .library = {},
                            .sustained = true,
                            .streaming = scenario.job.dtype,
                            .own = own.of_device(device.name),
                            .calibration = nullptr};
  priced.kernels = with_reach(make_kernels(device, *parameters, choice), scenario.stack, device);
  // Large products are most of a step: what they rest on is what it rests on.
  parameters->evidence =
      priced.kernels->time(Gemm{.m = 4096, .n = 4096, .k = 4096, .dtype = scenario.job.dtype}).evidence;
  priced.collectives = with_reach(make_collectives(*parameters, &scenario.cluster), scenario.stack);
  priced.parameters = std::make_shared<const FamilyParameters>(*std::move(parameters));
  priced.given = std::move(scenario);
  return priced;
}

Result<PricedScenario> price(Scenario scenario) { return price(std::move(scenario), {}); }

}  // namespace forerun

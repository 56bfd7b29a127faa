// Everything that is given before a plan is chosen: model, cluster, number of devices, software, job.
#pragma once

#include <memory>

#include "costmodel/stacks/stack.hpp"
#include "hardware/topology.hpp"
#include "strategies/plan/plan.hpp"
#include "workloads/jobs/job.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

class CollectiveModel;
class KernelModel;
struct FamilyParameters;
struct OwnCalibrations;

struct Scenario {
  Model model;
  Cluster cluster;
  int gpus = 0;
  Stack stack;
  Job job;

  bool operator==(const Scenario&) const = default;
};

// A scenario with what follows from it: the graph's levels and the cost models. Cheap to share between threads.
struct PricedScenario {
  // Dropout stands only where the stack runs it, blocks are frozen where the job says so, and the stack is as it is on
  // so many devices.
  Scenario given;
  Topology topology;
  std::shared_ptr<const FamilyParameters> parameters;
  std::shared_ptr<const KernelModel> kernels;
  std::shared_ptr<const CollectiveModel> collectives;
  std::shared_ptr<const OwnCalibrations> own;  // the user's, over the shipped ones

  [[nodiscard]] const Device& device() const {
    return given.cluster.nodes.front().node.device;
  }  // the only kind: see price()
};

// Problems: devices that do not add up, several kinds of devices (plans are uniform so far), a family without
// parameters, a job that does not suit the model, calibrations of devices and networks that the cluster does not have.
Result<PricedScenario> price(Scenario, const OwnCalibrations&);
Result<PricedScenario> price(Scenario);  // by shipped calibrations alone

}  // namespace forerun

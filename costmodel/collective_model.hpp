// (collective, placement) -> seconds.
//
// NCCL's devices: inside a node of NVLink the curve fitted to their generation (collective_form.hpp; evidence
// `fitted`), everywhere else NCCL's own model with what measurements add to it (nccl_model.hpp; `datasheet`). Others:
// ring and tree with latency and bandwidth; between the cores of one machine curves fitted to them where there are
// (`forerun profile`).
#pragma once

#include <memory>

#include "costmodel/collectives/collective.hpp"
#include "costmodel/collectives/nccl_model.hpp"
#include "costmodel/parameters.hpp"

namespace forerun {

class CollectiveModel {
 public:
  CollectiveModel() = default;
  virtual ~CollectiveModel() = default;
  CollectiveModel(const CollectiveModel&) = delete;
  CollectiveModel& operator=(const CollectiveModel&) = delete;
  [[nodiscard]] virtual Timing time(const Collective&, const Placement&) const = 0;  // a group of one: 0
};

// `cluster`: over its nodes the constants of its network apply where the family's calibration names it (`fitted`), of
// the groups that were measured the nearest: of the same ranks and nodes, of the same kind, of any.
std::unique_ptr<CollectiveModel> make_collectives(const FamilyParameters&, const Cluster* cluster = nullptr);
std::unique_ptr<CollectiveModel> make_ring_collectives(const CollectiveParameters&, Evidence);

// The communicator as NCCL's model sees it: `network` is what limits that kind of collective between nodes.
NcclGroup nccl_group(NcclGeneration, CollectiveKind, const Placement&);
Seconds nccl_time(CollectiveKind, Bytes, const NcclGroup&, const NcclCorrection&);  // of any kind

// The ring form over a group of n members in N components with i of them in each (n = N i).
struct RingTerms {
  int steps_inside = 0;   // of one pass: n - 1 steps, of which N - 1 cross components
  int steps_across = 0;
};
RingTerms ring_pass(int members, int components);  // reduce-scatter or all-gather; an all-reduce is two passes

}  // namespace forerun

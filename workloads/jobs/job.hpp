// What is to be done with a model: the kind of work, its lengths, its number formats.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/dtype.hpp"
#include "workloads/jobs/tuning.hpp"

namespace forerun {

enum class JobKind : std::uint8_t { pretrain, finetune };
enum class Optimizer : std::uint8_t { sgd, momentum, adamw };

struct Job {
  JobKind kind = JobKind::pretrain;  // finetune of all weights costs the same
  int sequence = 0;                  // tokens in a sequence
  int global_batch = 0;              // sequences a step, over all replicas
  DType dtype = DType::bf16;         // of the matrix products; fp8 keeps everything else in bf16
  Optimizer optimizer = Optimizer::adamw;
  Tuning tuning = {};                // of kind finetune
  double expert_skew = 1;            // rows that the busiest expert-parallel rank draws over the mean (1: balanced)

  bool operator==(const Job&) const = default;
};

inline std::int64_t tokens_per_step(const Job& job) { return std::int64_t{job.sequence} * job.global_batch; }

std::string_view to_string(JobKind);
std::string_view to_string(Optimizer);
int moments(Optimizer);  // values kept per parameter beside the master copy: 0, 1, 2

}  // namespace forerun

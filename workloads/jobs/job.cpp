#include "workloads/jobs/job.hpp"

#include <array>
#include <string>
#include <vector>

#include "base/files/yaml.hpp"

namespace forerun {
namespace {

constexpr std::array<std::string_view, 2> kinds{"pretrain", "finetune"};
constexpr std::array<std::string_view, 3> optimizers{"sgd", "momentum", "adamw"};

// Kinds of work that the design names and that are not priced yet: said as such, not called unknown.
const std::vector<std::string> later{"serve", "rl"};

JobKind read_kind(const YamlNode& node) {
  const std::string text = node.text();
  for (const std::string& kind : later) {
    if (text != kind) continue;
    node.report("jobs of kind '" + kind + "' are not modelled yet", "write pretrain or finetune");
    return JobKind::pretrain;
  }
  return static_cast<JobKind>(node.one_of({kinds.begin(), kinds.end()}));
}

DType read_compute_dtype(const YamlNode& node) {
  static const std::vector<std::string> names{"bf16", "fp16", "fp8", "fp32", "fp64"};
  static constexpr std::array formats{DType::bf16, DType::fp16, DType::fp8, DType::fp32, DType::fp64};
  return formats[node.one_of(names)];
}

}  // namespace

std::string_view to_string(JobKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
std::string_view to_string(Optimizer optimizer) { return optimizers[static_cast<std::size_t>(optimizer)]; }
int moments(Optimizer optimizer) { return static_cast<int>(optimizer); }

Job read_job(const YamlNode& node) {
  MapReader map = node.map();
  Job job;
  job.kind = map.optional("kind", read_kind).value_or(JobKind::pretrain);
  if (job.kind == JobKind::finetune) job.tuning = read_tuning(map);
  job.sequence = static_cast<int>(map.required("sequence").integer(1, 1 << 24));
  job.global_batch = static_cast<int>(map.required("global_batch").integer(1, 1 << 24));
  job.dtype = map.optional("dtype", read_compute_dtype).value_or(DType::bf16);
  job.optimizer = map.optional("optimizer",
                               [](const YamlNode& n) {
                                 return static_cast<Optimizer>(n.one_of({optimizers.begin(), optimizers.end()}));
                               })
                      .value_or(Optimizer::adamw);
  if (job.tuning.kind == TuningKind::qlora && job.dtype == DType::fp8) {
    map.node().report("qlora multiplies in the format that it dequantises to, which has at least 16 bits, not in fp8",
                      "write dtype: bf16");
  }
  job.expert_skew = map.optional("expert_skew", [](const YamlNode& n) { return n.number(1, 4096); }).value_or(1);
  map.finish();
  return job;
}

}  // namespace forerun

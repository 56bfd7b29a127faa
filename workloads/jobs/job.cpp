#include "workloads/jobs/job.hpp"

#include <array>

namespace forerun {
namespace {

constexpr std::array<std::string_view, 2> kinds{"pretrain", "finetune"};
constexpr std::array<std::string_view, 3> optimizers{"sgd", "momentum", "adamw"};

}  // namespace

std::string_view to_string(JobKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
std::string_view to_string(Optimizer optimizer) { return optimizers[static_cast<std::size_t>(optimizer)]; }
int moments(Optimizer optimizer) { return static_cast<int>(optimizer); }

}  // namespace forerun

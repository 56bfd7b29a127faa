// RankExecutor in fp64.
#include "executor/rank_attention.hpp"
#include "executor/rank_communication.hpp"
#include "executor/rank_computation.hpp"
#include "executor/rank_experts.hpp"
#include "executor/rank_instructions.hpp"
#include "executor/rank_stages.hpp"

namespace forerun {

template class RankExecutor<double>;

}  // namespace forerun

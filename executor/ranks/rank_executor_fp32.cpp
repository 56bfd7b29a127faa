// RankExecutor in fp32.
#include "executor/ranks/rank_attention.hpp"
#include "executor/ranks/rank_communication.hpp"
#include "executor/ranks/rank_computation.hpp"
#include "executor/ranks/rank_experts.hpp"
#include "executor/ranks/rank_instructions.hpp"
#include "executor/ranks/rank_stages.hpp"

namespace forerun {

template class RankExecutor<float>;

}  // namespace forerun

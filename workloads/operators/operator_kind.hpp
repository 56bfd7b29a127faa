// The operators of a transformer, by name.
#pragma once

#include <cstdint>
#include <string_view>

namespace forerun {

enum class OperatorKind : std::uint8_t {
  embedding,
  attention_norm,
  qkv,
  latent_up,
  positions,
  attention_core,
  attention_output,
  attention_residual,
  feed_forward_norm,
  router,
  dispatch,
  up,
  activation,
  expert_activation,
  down,
  shared_expert,
  combine,
  feed_forward_residual,
  final_norm,
  head,
  loss,
  adapter,
};  // latent_up: MLA's projections from the latents to queries, keys and values; qkv is then the way down
std::string_view to_string(OperatorKind);

}  // namespace forerun

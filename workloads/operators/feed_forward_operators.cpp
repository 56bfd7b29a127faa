// The feed-forward half of a block as operators: one wide layer, or a router with experts.
#include <algorithm>
#include <iterator>
#include <utility>

#include "workloads/operators/operator_parts.hpp"

namespace forerun {
namespace {

// Rows of `batch` equal experts (1 for a plain layer) through up, activation, down: from `hidden` columns to `width`
// and back; `rows` is the number for each.
struct Layer {
  std::int64_t hidden, batch, rows, width;
  bool gated;
  OperatorKind activation;
  bool routed = false;
};

Operator up(const Layer& layer, const Implementation& how) {
  Operator op{.kind = OperatorKind::up,
              .cut = layer.routed ? Cut::experts : Cut::columns,
              .projection = Projection::up,
              .gathers = layer.routed ? 0 : layer.hidden};
  add_linear(op, layer.rows, layer.hidden, layer.width * (layer.gated ? 2 : 1), how, layer.batch);
  op.output = static_cast<double>(layer.batch) * tensor(layer.rows, layer.width * (layer.gated ? 2 : 1), how.dtype);
  return op;
}

Operator activation(const Layer& layer, const Implementation& how) {
  Operator op{.kind = layer.activation};
  const Bytes inner = static_cast<double>(layer.batch) * tensor(layer.rows, layer.width, how.dtype);
  // gelu: x -> y; x, dy -> dx. swiglu: g, u -> y; g, u, dy -> dg, du.
  if (layer.gated) {
    add_streaming(op, StreamingKind::activation, 3.0 * inner, 5.0 * inner);
  } else {
    add_streaming(op, StreamingKind::activation, 2.0 * inner, 3.0 * inner);
  }
  op.output = inner;
  if (layer.gated && !how.fused)
    save_internal(op, "gate after its activation", inner);  // a kernel of its own, which the product with u needs
  save(op, "activation input", (layer.gated ? 2.0 : 1.0) * inner, OperatorKind::up, Until::input_gradient);
  return op;
}

Operator down(const Layer& layer, const Implementation& how) {
  Operator op{
      .kind = OperatorKind::down, .cut = layer.routed ? Cut::experts : Cut::rows, .projection = Projection::down};
  add_linear(op, layer.rows, layer.width, layer.hidden, how, layer.batch);
  op.output = static_cast<double>(layer.batch) * tensor(layer.rows, layer.hidden, how.dtype);
  save(op, "activation output", static_cast<double>(layer.batch) * tensor(layer.rows, layer.width, how.saved_input),
       layer.activation, Until::weight_gradient);
  return op;
}

// `before` made the input.
void append(std::vector<Operator>& list, std::int64_t hidden, const Mlp& mlp, OperatorKind before,
            const TokenShape& shape, const Implementation& how) {
  const Layer layer{.hidden = hidden,
                    .batch = 1,
                    .rows = shape.tokens,
                    .width = mlp.width,
                    .gated = mlp.gated,
                    .activation = OperatorKind::activation};
  Operator first = up(layer, how);
  save(first, "feed-forward input", tensor(shape.residual_tokens, hidden, how.saved_input), before,
       Until::weight_gradient);
  first.parameters = feed_forward_parameters(hidden, mlp);
  list.push_back(std::move(first));
  list.push_back(activation(layer, how));
  list.push_back(down(layer, how));
}

void append(std::vector<Operator>& list, std::int64_t hidden, const Moe& moe, OperatorKind before,
            const TokenShape& shape, const Implementation& how) {
  const Bytes local = tensor(shape.residual_tokens, hidden, how.dtype);
  const Bytes copies = static_cast<double>(moe.top_k) * local;
  const Bytes routed = tensor(shape.routed_tokens, hidden, how.dtype);

  Operator router{.kind = OperatorKind::router, .routing = TokenRouting::chooses, .keeps_format = true};
  Implementation plain = how;
  plain.linear = how.dtype;  // the router is never quantised
  add_linear(router, shape.residual_tokens, hidden, moe.experts, plain);
  save(router, "feed-forward input", local, before, Until::weight_gradient);
  // Scores; of each choice, which expert, its weight and that weight's gradient, and its place among the copies.
  const std::int64_t choices = std::int64_t{moe.top_k} * shape.residual_tokens;
  const Bytes scores = tensor(shape.residual_tokens, moe.experts, sums_of(how.dtype)) +
                       tensor(choices, 2, sums_of(how.dtype)) + tensor(choices, 2, DType::fp32);
  router.saves.push_back({.name = "routing", .bytes = scores, .producer = OperatorKind::router, .internal = true});
  router.parameters = router.replicated = hidden * moe.experts + (moe.router_bias ? moe.experts : 0);
  list.push_back(std::move(router));

  // Every token is copied top_k times in the order of the experts; the gradient sums the copies.
  Operator dispatch{.kind = OperatorKind::dispatch, .routing = TokenRouting::dispatches, .top_k = moe.top_k};
  add_streaming(dispatch, StreamingKind::permute, local + copies, local + copies);
  dispatch.output = copies;
  list.push_back(std::move(dispatch));

  const std::int64_t experts = shape.local_experts > 0 ? shape.local_experts : 1;
  const std::int64_t rows = (shape.routed_tokens + experts - 1) / experts;
  const Layer layer{.hidden = hidden,
                    .batch = experts,
                    .rows = rows,
                    .width = moe.width,
                    .gated = moe.gated,
                    .activation = OperatorKind::expert_activation,
                    .routed = true};
  Moe routed_only = moe;
  routed_only.shared_width = 0;
  routed_only.shared_gate = false;
  routed_only.experts = static_cast<int>(experts);
  const std::int64_t expert_router = hidden * routed_only.experts + (moe.router_bias ? routed_only.experts : 0);
  Operator first = up(layer, how);
  save(first, "dispatched tokens", routed, OperatorKind::dispatch, Until::weight_gradient);
  first.parameters = first.expert_parameters = feed_forward_parameters(hidden, routed_only) - expert_router;
  list.push_back(std::move(first));
  list.push_back(activation(layer, how));
  list.push_back(down(layer, how));
  list.back().routing = TokenRouting::returns;
  list.back().top_k = moe.top_k;

  if (moe.shared_width > 0) {
    const Mlp shared{.width = moe.shared_width, .gated = moe.gated, .bias = moe.bias};
    std::vector<Operator> parts;
    append(parts, hidden, shared, before, shape, how);
    parts.front().routing = TokenRouting::bypasses;
    parts.front().saves.clear();  // its input is the router's
    for (Operator& part : parts) {
      part.kind = OperatorKind::shared_expert;
      for (SavedTensor& saved : part.saves) saved.producer = OperatorKind::shared_expert;
    }
    parts.front().parameters += moe.shared_gate ? hidden : 0;
    std::move(parts.begin(), parts.end(), std::back_inserter(list));
  }

  // The copies come back and are summed with the router's weights, whose gradient needs them.
  Operator combine{.kind = OperatorKind::combine, .routing = TokenRouting::combines};
  add_streaming(combine, StreamingKind::permute, copies + local, local + 2.0 * copies);
  combine.output = local;
  save(combine, "expert outputs", copies, OperatorKind::down, Until::input_gradient);
  list.push_back(std::move(combine));
}

}  // namespace

void append_feed_forward(std::vector<Operator>& list, const Model& model, const Block& block, const TokenShape& shape,
                         const Implementation& how) {
  const bool has_norm = block.norms >= 2;  // a parallel residual has none of its own
  if (has_norm) {
    list.push_back(norm(OperatorKind::feed_forward_norm, OperatorKind::attention_residual, model, shape.residual_tokens,
                        block.hidden, how));
    list.back().branch = Branch::opens;
  }
  const OperatorKind before = has_norm ? OperatorKind::feed_forward_norm : OperatorKind::attention_residual;
  std::visit([&](const auto& layer) { append(list, block.hidden, layer, before, shape, how); }, block.feed_forward);

  list.push_back(residual(OperatorKind::feed_forward_residual, OperatorKind::down, model, block, shape, how));
}

}  // namespace forerun

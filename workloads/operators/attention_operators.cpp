// Attention as operators: norm, projections, rotary positions, the core, the output projection, the residual sum.
#include <algorithm>
#include <utility>

#include "workloads/operators/operator_parts.hpp"

namespace forerun {
namespace {

struct Sizes {
  std::int64_t heads, kv_heads, head_dim, value_dim;
  [[nodiscard]] std::int64_t query() const { return heads * head_dim; }
  [[nodiscard]] std::int64_t key() const { return kv_heads * head_dim; }
  [[nodiscard]] std::int64_t value() const { return kv_heads * value_dim; }
  [[nodiscard]] std::int64_t output() const { return heads * value_dim; }
};

Sizes sizes(const Attention& a) {
  // MLA expands the latent to a key and a value for every head before the core.
  if (a.latent) return {a.heads, a.heads, a.head_dim, a.latent->value_dim};
  return {a.heads, a.kv_heads, a.head_dim, a.head_dim};
}

// One product for multi-head attention; down to the latents and up again for MLA.
void append_projections(std::vector<Operator>& list, const Model& model, const Block& block, const Attention& a,
                        const Sizes& d, const TokenShape& shape, const Implementation& how) {
  const std::int64_t h = block.hidden;
  Operator op{.kind = OperatorKind::qkv, .cut = Cut::columns, .projection = Projection::qkv, .gathers = h};
  op.parameters = mixer_parameters(model, block) - d.output() * h - (a.output_bias ? h : 0);
  save(op, "attention input", tensor(shape.residual_tokens, h, how.saved_input), OperatorKind::attention_norm,
       Until::weight_gradient);
  if (!a.latent) {
    add_linear(op, shape.tokens, h, d.query() + d.key() + d.value(), how);
    op.output = tensor(shape.tokens, d.query() + d.key() + d.value(), how.dtype);
    list.push_back(std::move(op));
    return;
  }
  const Latent& latent = *a.latent;
  Operator up{.kind = OperatorKind::latent_up, .cut = Cut::columns};
  if (latent.query_rank > 0) {  // projected down where the tokens are; the latents are gathered
    op.cut = Cut::replicated;
    op.gathers = 0;
    up.gathers = latent.query_rank + latent.kv_rank + latent.rope_dim;
    add_linear(op, shape.residual_tokens, h, latent.query_rank, how);
    add_linear(up, shape.tokens, latent.query_rank, d.query(), how);
    // Before and after its norm.
    save(op, "query latent", 2.0 * tensor(shape.residual_tokens, latent.query_rank, how.dtype), OperatorKind::qkv,
         Until::weight_gradient);
  } else {
    add_linear(op, shape.tokens, h, d.query(), how);
  }
  add_linear(op, shape.residual_tokens, h, latent.kv_rank + latent.rope_dim, how);
  add_linear(up, shape.tokens, latent.kv_rank, d.heads * (latent.nope_dim + latent.value_dim), how);
  save(op, "key-value latent", tensor(shape.residual_tokens, 2 * latent.kv_rank + latent.rope_dim, how.dtype),
       OperatorKind::qkv, Until::weight_gradient);
  const std::int64_t latents = latent.kv_rank + latent.rope_dim;
  op.output = latent.query_rank > 0
                  ? tensor(shape.residual_tokens, latent.query_rank + latents, how.dtype)
                  : tensor(shape.tokens, d.query(), how.dtype) + tensor(shape.residual_tokens, latents, how.dtype);
  up.output = tensor(shape.tokens, d.query() + d.key() + d.value(), how.dtype);
  list.push_back(std::move(op));
  list.push_back(std::move(up));
}

// Who makes the queries, keys and values that the core keeps.
OperatorKind maker(const Attention& a) { return a.latent ? OperatorKind::latent_up : OperatorKind::positions; }

// Rotation of queries and keys, and their norms where the model has them.
Operator positions(const Model& model, const Attention& a, const Sizes& d, const TokenShape& shape,
                   const Implementation& how) {
  Operator op{.kind = OperatorKind::positions};
  const Bytes qk = tensor(shape.tokens, d.query() + d.key(), how.dtype);
  if (model.positions == Positions::rotary || a.qk_norm)
    op.output = tensor(shape.tokens, d.query() + d.key() + d.value(), how.dtype);
  if (model.positions == Positions::rotary) add_streaming(op, StreamingKind::rotary, 2.0 * qk, 2.0 * qk);
  if (a.qk_norm) {
    add_streaming(op, StreamingKind::norm, 2.0 * qk, 3.0 * qk);
    save(op, "query and key before their norm", qk, OperatorKind::qkv, Until::input_gradient);
  }
  return op;
}

void flash_core(Operator& op, const Attention& a, const Sizes& d, const TokenShape& shape, const Implementation& how) {
  for (const SequenceRun& run : shape.sequences) {
    FusedAttention kernel{.sequences = run.count,
                          .heads = static_cast<int>(d.heads),
                          .kv_heads = static_cast<int>(d.kv_heads),
                          .head_dim = static_cast<int>(d.head_dim),
                          .value_dim = static_cast<int>(d.value_dim),
                          .q_len = run.queries,
                          .kv_len = run.length / shape.attention_passes,
                          .visible = visible_share(run.length, run.length, a.window.value_or(0)),
                          .dtype = how.dtype};
    op.forward.insert(op.forward.end(), static_cast<std::size_t>(shape.attention_passes), kernel);
    kernel.backward = true;
    op.input_gradient.insert(op.input_gradient.end(), static_cast<std::size_t>(shape.attention_passes), kernel);
  }
  // A partial result in 16 bits is added to the sum in 32: 2 + 4 + 4 bytes an element; so are the gradients of the
  // queries.
  const Bytes sums = (shape.attention_passes - 1) * tensor(shape.tokens, d.output(), DType::fp32) * 2.5;
  add_streaming(op, StreamingKind::elementwise, sums, sums);
  save(op, "queries, keys, values", tensor(shape.tokens, d.query() + d.key() + d.value(), how.dtype), maker(a),
       Until::input_gradient);
  save(op, "attention output", tensor(shape.tokens, d.output(), how.dtype), OperatorKind::attention_core,
       Until::weight_gradient);  // also the input of the next product
  save_internal(op, "log-sum-exp", tensor(shape.tokens, d.heads, sums_of(how.dtype)));
}

// Scores are written out: two batched products around a masked softmax, over all positions (no causal saving).
void unfused_core(Operator& op, const Model& model, const Attention& a, const Sizes& d, const TokenShape& shape,
                  const Implementation& how) {
  const int element = static_cast<int>(size_of(how.dtype).value());
  for (const SequenceRun& run : shape.sequences) {
    const std::int64_t batch = run.count * d.heads;
    const Gemm scores{run.queries, run.length, d.head_dim, batch, how.dtype, element};
    const Gemm context{run.queries, d.value_dim, run.length, batch, how.dtype, element};
    op.forward.insert(op.forward.end(), {scores, context});
    op.input_gradient.insert(op.input_gradient.end(),
                             {Gemm{run.queries, run.length, d.value_dim, batch, how.dtype, element},   // dP
                              Gemm{run.length, d.value_dim, run.queries, batch, how.dtype, element},   // dV
                              Gemm{run.queries, d.head_dim, run.length, batch, how.dtype, element},    // dQ
                              Gemm{run.length, d.head_dim, run.queries, batch, how.dtype, element}});  // dK
    const Bytes probabilities = static_cast<double>(batch) * tensor(run.queries, run.length, how.dtype);
    add_streaming(op, StreamingKind::softmax, 2.0 * probabilities, 3.0 * probabilities);
    save_internal(op, "attention probabilities", probabilities);
    if (model.dropout) {  // mask of one byte, and the probabilities after it (Korthikanti et al. 2022, section 4.1: 5 a
      // s^2 b)
      add_streaming(op, StreamingKind::elementwise, 2.5 * probabilities, 2.5 * probabilities);
      save_internal(op, "attention dropout mask",
                    static_cast<double>(batch) * tensor(run.queries, run.length, DType::int8));
      save_internal(op, "attention probabilities after dropout", probabilities);
    }
  }
  save(op, "queries, keys, values", tensor(shape.tokens, d.query() + d.key() + d.value(), how.dtype), maker(a),
       Until::input_gradient);
  save(op, "attention output", tensor(shape.tokens, d.output(), how.dtype), OperatorKind::attention_core,
       Until::weight_gradient);
}

double visible_share(const Attention& a, const TokenShape& shape) {
  double all = 0, visible = 0;
  for (const SequenceRun& run : shape.sequences) {
    const double pairs = static_cast<double>(run.count * run.queries) * static_cast<double>(run.length);
    all += pairs, visible += pairs * forerun::visible_share(run.length, run.length, a.window.value_or(0));
  }
  return all > 0 ? visible / all : 1;
}

void append(std::vector<Operator>& list, const Model& model, const Block& block, const Attention& a,
            const TokenShape& shape, const Implementation& how) {
  const Sizes d = sizes(a);

  list.push_back(norm(OperatorKind::attention_norm, OperatorKind::feed_forward_residual, model, shape.residual_tokens,
                      block.hidden, how));
  list.back().branch = Branch::opens;

  append_projections(list, model, block, a, d, shape, how);
  list.push_back(positions(model, a, d, shape, how));

  Operator core{.kind = OperatorKind::attention_core,
                .core = MixerCore{d.query(), d.key() + d.value(), d.output(), d.kv_heads, visible_share(a, shape)}};
  core.output = tensor(shape.tokens, d.output(), how.dtype);
  if (how.attention == AttentionImplementation::flash) {
    flash_core(core, a, d, shape, how);
  } else {
    unfused_core(core, model, a, d, shape, how);
  }
  list.push_back(std::move(core));

  Operator output{.kind = OperatorKind::attention_output, .cut = Cut::rows, .projection = Projection::attention_output};
  add_linear(output, shape.tokens, d.output(), block.hidden, how);
  output.output = tensor(shape.tokens, block.hidden, how.dtype);
  output.parameters = d.output() * block.hidden + (a.output_bias ? block.hidden : 0);
  list.push_back(std::move(output));

  list.push_back(residual(OperatorKind::attention_residual, OperatorKind::attention_output, model, block, shape, how));
}

}  // namespace

void append_mixer(std::vector<Operator>& list, const Model& model, const Block& block, const TokenShape& shape,
                  const Implementation& how) {
  std::visit([&](const auto& mixer) { append(list, model, block, mixer, shape, how); }, block.mixer);
}

}  // namespace forerun

#include "workloads/operators/operators.hpp"

#include <array>
#include <numeric>
#include <utility>

#include "workloads/operators/operator_parts.hpp"

namespace forerun {

std::string_view to_string(OperatorKind kind) {
  static constexpr std::array<std::string_view, 22> names{"embedding",
                                                          "attention_norm",
                                                          "qkv",
                                                          "latent_up",
                                                          "positions",
                                                          "attention_core",
                                                          "attention_output",
                                                          "attention_residual",
                                                          "feed_forward_norm",
                                                          "router",
                                                          "dispatch",
                                                          "up",
                                                          "activation",
                                                          "expert_activation",
                                                          "down",
                                                          "shared_expert",
                                                          "combine",
                                                          "feed_forward_residual",
                                                          "final_norm",
                                                          "head",
                                                          "loss",
                                                          "adapter"};
  return names[static_cast<std::size_t>(kind)];
}

void add_apart(Operator& op, std::int64_t elements, const Implementation& how) {
  const Bytes apart = static_cast<double>(elements) * size_of(how.dtype);
  op.gradient_apart += apart;
  op.weight_gradient.emplace_back(
      Streaming{StreamingKind::elementwise, apart + 2.0 * static_cast<double>(elements) * how.gradient, true});
}

void add_linear(Operator& op, std::int64_t rows, std::int64_t in, std::int64_t out, const Implementation& how,
                std::int64_t batch) {
  if (how.linear == DType::fp8) {
    const Bytes input = static_cast<double>(batch) * tensor(rows, in, how.dtype);
    const Bytes gradient = static_cast<double>(batch) * tensor(rows, out, how.dtype);
    op.forward.emplace_back(Streaming{StreamingKind::cast, 2.0 * input});
    op.input_gradient.emplace_back(Streaming{StreamingKind::cast, 2.0 * gradient});
  }
  const int activation = static_cast<int>(size_of(how.dtype).value());
  const int weight = static_cast<int>(how.gradient.value());
  op.forward.emplace_back(Gemm{rows, out, in, batch, how.linear, activation});
  op.input_gradient.emplace_back(Gemm{rows, in, out, batch, how.linear, activation});
  op.weight_gradient.emplace_back(Gemm{in, out, rows, batch, how.linear, how.gradients_apart ? activation : weight});
  if (how.gradients_apart) add_apart(op, batch * in * out, how);
}

void add_norm(Operator& op, OperatorKind before, const Model& model, std::int64_t rows, std::int64_t width,
              const Implementation& how) {
  if (model.norm == NormKind::none) return;
  const Bytes x = tensor(rows, width, how.dtype);
  op.output = x;
  add_streaming(op, StreamingKind::norm, 2.0 * x, 3.0 * x);  // x -> y; x, dy -> dx
  save(op, "norm input", x, before, Until::input_gradient);
  // Written in steps, an RMSNorm squares and scales a copy in fp32, which stays.
  if (!how.fused && model.norm == NormKind::rms)
    save_internal(op, "norm input in fp32", tensor(rows, width, DType::fp32));
}

Operator norm(OperatorKind kind, OperatorKind before, const Model& model, std::int64_t rows, std::int64_t width,
              const Implementation& how) {
  Operator op{.kind = kind};
  add_norm(op, before, model, rows, width, how);
  op.parameters = op.replicated = norm_parameters(model, width);
  return op;
}

Operator residual(OperatorKind kind, OperatorKind before, const Model& model, const Block& block,
                  const TokenShape& shape, const Implementation& how) {
  Operator op{.kind = kind, .branch = Branch::closes};
  const Bytes row = tensor(shape.residual_tokens, block.hidden, how.dtype);
  op.output = row;
  add_streaming(op, StreamingKind::elementwise, (model.dropout ? 3.5 : 3.0) * row,
                3.0 * row);  // sum; sum of two gradients
  if (model.dropout) save_internal(op, "dropout mask", tensor(shape.residual_tokens, block.hidden, DType::int8));
  if (block.norms == 4) {
    add_norm(op, before, model, shape.residual_tokens, block.hidden, how);
    op.parameters = norm_parameters(model, block.hidden);
  }
  return op;
}

void add_streaming(Operator& op, StreamingKind kind, Bytes forward, Bytes backward) {
  if (forward > Bytes{0}) op.forward.emplace_back(Streaming{kind, forward});
  if (backward > Bytes{0}) op.input_gradient.emplace_back(Streaming{kind, backward, true});
}

void save(Operator& op, std::string_view name, Bytes bytes, OperatorKind producer, Until until) {
  if (bytes > Bytes{0}) op.saves.push_back({name, bytes, producer, false, until == Until::weight_gradient});
}

void save_internal(Operator& op, std::string_view name, Bytes bytes) {
  if (bytes > Bytes{0}) op.saves.push_back({name, bytes, op.kind, true, false});
}

std::vector<Operator> block_operators(const Model& model, const Block& block, const TokenShape& shape,
                                      const Implementation& how) {
  std::vector<Operator> list;
  list.reserve(16);
  append_mixer(list, model, block, shape, how);
  append_feed_forward(list, model, block, shape, how);
  tune(list, block, shape, how);
  return list;
}

std::vector<Operator> embedding_operators(const Model& model, int local_vocab, const TokenShape& shape,
                                          const Implementation& how) {
  if (model.vocab == 0) return {};
  Operator op{.kind = OperatorKind::embedding, .cut = Cut::rows};
  const Bytes rows = tensor(shape.residual_tokens, model.hidden, how.dtype);
  op.output = tensor(shape.tokens, model.hidden, how.dtype);  // before it is scattered
  op.forward.emplace_back(Streaming{StreamingKind::embedding, 2.0 * rows});
  // Rows of the gradient are added where the tokens point: read dY, read and write the gradient.
  op.weight_gradient.emplace_back(
      Streaming{StreamingKind::embedding, rows + 2.0 * tensor(shape.residual_tokens, model.hidden, DType::fp32), true});
  if (how.gradients_apart) add_apart(op, std::int64_t{local_vocab} * model.hidden, how);
  const std::int64_t positions =
      model.positions == Positions::learned ? model.max_positions + std::int64_t{model.extra_positions} : 0;
  op.parameters =
      (local_vocab + positions) * model.hidden + (model.embedding_norm ? norm_parameters(model, model.hidden) : 0);
  if (model.embedding_norm) add_norm(op, OperatorKind::embedding, model, shape.residual_tokens, model.hidden, how);
  if (model.dropout) {
    add_streaming(op, StreamingKind::elementwise, 2.5 * rows, 2.5 * rows);
    save_internal(op, "dropout mask", tensor(shape.residual_tokens, model.hidden, DType::int8));
  }
  std::vector<Operator> list;
  list.push_back(std::move(op));
  tune_embedding(list, how);
  return list;
}

namespace {

Operator loss_operator(int local_vocab, const TokenShape& shape, const Implementation& how) {
  Operator loss{.kind = OperatorKind::loss, .exchanges_statistics = how.loss_statistics};
  const double logits = static_cast<double>(shape.tokens) * local_vocab;
  const Bytes logit = size_of(how.dtype);
  // Forward reads the logits and writes their exponentials; backward reads those and writes the gradient.
  add_streaming(loss, StreamingKind::cross_entropy, logits * (logit + 2.0 * how.logit_saved),
                logits * (how.logit_saved + how.logit_workspace + logit));
  save_internal(loss, "logits", logits * how.logit_saved);
  // Of each row on each slice of the vocabulary: the largest logit, the sum of exponentials, the target's logit.
  if (how.loss_statistics)
    save_internal(loss, "statistics of the loss", tensor(shape.tokens * shape.cuts, 3, sums_of(how.dtype)));
  return loss;
}

}  // namespace

std::vector<Operator> head_operators(const Model& model, int local_vocab, const TokenShape& shape,
                                     const Implementation& how, HeadEnd end) {
  if (model.vocab == 0) return {};
  std::vector<Operator> list;
  if (model.final_norm) {
    list.push_back(norm(OperatorKind::final_norm, OperatorKind::feed_forward_residual, model, shape.residual_tokens,
                        model.hidden, how));
  }
  // The head stays in the activation format under fp8: its products decide the loss.
  Implementation plain = how;
  plain.linear = how.dtype;
  Operator head{.kind = OperatorKind::head, .cut = Cut::columns, .keeps_format = true, .gathers = model.hidden};
  add_linear(head, shape.tokens, model.hidden, local_vocab, plain);
  head.output = static_cast<double>(shape.tokens) * local_vocab * how.logit_workspace;
  save(head, "head input", tensor(shape.residual_tokens, model.hidden, how.dtype), OperatorKind::final_norm,
       Until::weight_gradient);
  head.parameters = model.tied_embeddings ? 0 : std::int64_t{local_vocab} * model.hidden;
  list.push_back(std::move(head));

  if (end == HeadEnd::loss) list.push_back(loss_operator(local_vocab, shape, how));
  tune_head(list, how);
  return list;
}

namespace {

Flops total(const std::vector<Kernel>& kernels) {
  return std::accumulate(kernels.begin(), kernels.end(), Flops{0},
                         [](Flops sum, const Kernel& kernel) { return sum + flops(kernel); });
}

}  // namespace

Flops forward_flops(const std::vector<Operator>& list) {
  Flops sum{0};
  for (const Operator& op : list) sum += total(op.forward);
  return sum;
}

Flops backward_flops(const std::vector<Operator>& list) {
  Flops sum{0};
  for (const Operator& op : list) sum += total(op.input_gradient) + total(op.weight_gradient);
  return sum;
}

Bytes saved_bytes(const std::vector<Operator>& list) {
  Bytes sum{0};
  for (const Operator& op : list) {
    for (const SavedTensor& tensor_saved : op.saves) sum += tensor_saved.bytes;
  }
  return sum;
}

}  // namespace forerun

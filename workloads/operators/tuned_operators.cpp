// Operators of a model that is trained in parts: a frozen product has no W and keeps no input for it; what is added to
// it has both.
//
// Low-rank factors beside a product Y = X W: H = X A, Y += s H B. Under tensor parallelism B follows a product cut by
// columns and A the rank, so H is gathered; A follows one cut by rows and B the columns, so H is summed and the result
// gathered (NeMo's ParallelLinearAdapter).
#include <algorithm>
#include <iterator>

#include "workloads/operators/operator_parts.hpp"

namespace forerun {
namespace {

using enum LowRankTarget;

std::int64_t elements(const Gemm& weight_gradient) {
  return weight_gradient.batch * weight_gradient.m * weight_gradient.n;
}

// The matrices of an operator, as their gradients say: [in, out] = [m, n].
std::vector<Gemm> matrices(const Operator& op) {
  std::vector<Gemm> list;
  for (const Kernel& kernel : op.weight_gradient) {
    if (const Gemm* gemm = std::get_if<Gemm>(&kernel)) list.push_back(*gemm);
  }
  return list;
}

// Inputs that only W looks at are not kept; what the operator made of them is, until B.
void drop_inputs(Operator& op) {
  std::erase_if(op.saves,
                [&](const SavedTensor& s) { return s.until_weight_gradient && !s.internal && s.producer != op.kind; });
  for (SavedTensor& s : op.saves) s.until_weight_gradient = false;
}

// Casts of a product without W need no transposed copy: 2 bytes read and 1 written, not 2.
void narrow_casts(std::vector<Kernel>& kernels) {
  for (Kernel& kernel : kernels) {
    Streaming* cast = std::get_if<Streaming>(&kernel);
    if (cast != nullptr && cast->kind == StreamingKind::cast) cast->bytes = 0.75 * cast->bytes;
  }
}

void freeze(Operator& op) {
  op.frozen = op.parameters;
  op.frozen_experts = op.expert_parameters;
  op.parameters = op.expert_parameters = op.replicated = 0;
  if (op.weight_gradient.empty()) return;
  op.weight_gradient.clear();
  op.gradient_apart = Bytes{0};
  drop_inputs(op);
  narrow_casts(op.forward);
  narrow_casts(op.input_gradient);
}

// Nothing here or below is trained.
void freeze_below(Operator& op) {
  freeze(op);
  op.input_gradient.clear();
  op.saves.clear();
}

// Weights in NF4, made wide again in a buffer before each use: reads 4.127 bits and writes an element of the
// activations' format. One operator may own another's weights (up those of down), so only sums over a block mean
// something.
void quantise(Operator& op, const std::vector<Gemm>& weights, bool experts, const Implementation& how) {
  const auto element = static_cast<std::int64_t>(size_of(how.dtype).value());
  std::vector<Kernel> widen;
  for (const Gemm& w : weights) {
    const std::int64_t narrow = w.batch * nf4_bytes(w.m * w.n);
    const std::int64_t saved = elements(w) - (narrow + element - 1) / element;
    op.frozen -= saved;
    if (experts) op.frozen_experts -= saved;
    const Bytes wide = static_cast<double>(elements(w)) * size_of(how.dtype);
    op.workspace = max(op.workspace, wide);
    widen.emplace_back(Streaming{StreamingKind::cast, Bytes{static_cast<double>(narrow)} + wide});
  }
  op.forward.insert(op.forward.begin(), widen.begin(), widen.end());
  op.input_gradient.insert(op.input_gradient.begin(), widen.begin(), widen.end());
}

// One pair of factors beside columns `out` of a product; `rows` of it for each of `batch` experts.
struct Factors {
  std::int64_t batch, rows, in, out;
  std::int64_t rank;
  std::int64_t rank_here, out_here;   // columns of A and of B on this rank
  std::int64_t sum_rows;              // rows of the result when it is added
  bool experts;
};

void add_factors(Operator& op, const Factors& f, const Implementation& how) {
  const int activation = static_cast<int>(size_of(how.dtype).value()),
            gradient = how.gradients_apart ? activation : static_cast<int>(how.gradient.value());
  const auto product = [&](std::int64_t m, std::int64_t n, std::int64_t k, int output) {
    return Gemm{m, n, k, f.batch, how.dtype, output};
  };
  const auto stream = [&](double times, std::int64_t rows, std::int64_t columns) {
    return Streaming{StreamingKind::elementwise,
                     times * static_cast<double>(f.batch) * tensor(rows, columns, how.dtype)};
  };
  // H = X A; H B; scaled; added.
  op.forward.insert(op.forward.end(),
                    {product(f.rows, f.rank_here, f.in, activation), product(f.rows, f.out_here, f.rank, activation),
                     stream(2, f.sum_rows, f.out), stream(3, f.sum_rows, f.out)});
  // s dY; dH = s dY B^T; dH A^T, added to the base's gradient of X.
  op.input_gradient.insert(op.input_gradient.end(),
                           {stream(2, f.rows, f.out_here), product(f.rows, f.rank, f.out_here, activation),
                            product(f.rows, f.in, f.rank_here, activation), stream(3, f.rows, f.in)});
  op.weight_gradient.insert(op.weight_gradient.end(), {product(f.rank, f.out_here, f.rows, gradient),
                                                       product(f.in, f.rank_here, f.rows, gradient)});  // dB, dA
  const std::int64_t parameters = f.batch * (f.in * f.rank_here + f.rank * f.out_here);
  op.parameters += parameters;
  if (how.gradients_apart) add_apart(op, parameters, how);
  if (f.experts) op.expert_parameters += parameters;
  op.low_rank += f.rank;
  const Bytes widest =
      static_cast<double>(f.batch) * tensor(f.rows, std::max(f.in, f.out), how.dtype);  // the second term of a sum
  op.workspace = max(op.workspace, widest);
  op.saves.push_back(
      {"low-rank activation", static_cast<double>(f.batch) * tensor(f.rows, f.rank, how.dtype), op.kind, true, true});
}

// Columns of each pair of factors beside a product of `out` columns.
std::vector<std::int64_t> columns(const Operator& op, const Tuning& tuning, const Block& block, std::int64_t out) {
  const bool gated = std::visit([](const auto& layer) { return layer.gated; }, block.feed_forward);
  const std::int64_t half = gated ? out / 2 : out;
  std::vector<std::int64_t> list;
  for (const LowRankTarget target : tuning.target) {
    const auto beside = [&](Projection where, std::int64_t n) {
      if (op.projection == where) list.push_back(n);
    };
    const auto beside_heads = [&](int Attention::* heads) {
      if (op.projection == Projection::qkv)
        list.push_back(std::int64_t{block.attention()->*heads} * block.attention()->head_dim);
    };
    switch (target) {
      case q_proj:
        beside_heads(&Attention::heads);
        break;
      case k_proj:
      case v_proj:
        beside_heads(&Attention::kv_heads);
        break;
      case linear_qkv:
        beside(Projection::qkv, out);
        break;
      case o_proj:
      case linear_proj:
        beside(Projection::attention_output, out);
        break;
      case gate_proj:
      case up_proj:
        beside(Projection::up, half);
        break;
      case linear_fc1:
        beside(Projection::up, out);
        break;
      case down_proj:
      case linear_fc2:
        beside(Projection::down, out);
        break;
    }
  }
  return list;
}

// The inputs that W looked at, for A: in the activations' format.
std::vector<SavedTensor> inputs_of_factors(const Operator& op, const Gemm& base, bool experts, const TokenShape& shape,
                                           const Implementation& how) {
  if (op.routing == TokenRouting::bypasses) {  // the router's
    return {{"feed-forward input", tensor(shape.residual_tokens, base.m, how.dtype), OperatorKind::feed_forward_norm,
             false, true}};
  }
  std::vector<SavedTensor> inputs;
  std::copy_if(op.saves.begin(), op.saves.end(), std::back_inserter(inputs),
               [&](const SavedTensor& s) { return s.until_weight_gradient && !s.internal; });
  const bool wide_already = experts && op.projection == Projection::up;  // tokens are dispatched so
  for (SavedTensor& input : inputs)
    input.bytes = wide_already ? input.bytes : input.bytes / size_of(how.saved_input) * size_of(how.dtype);
  return inputs;
}

// Frozen, with its factors.
void add_low_rank(Operator& op, const Block& block, const TokenShape& shape, const Implementation& how) {
  const std::vector<Gemm> weights = matrices(op);
  if (weights.empty()) return freeze(op);
  const Gemm base = weights.front();
  const std::vector<std::int64_t> outs = columns(op, how.tuning, block, base.n);
  const bool experts = op.cut == Cut::experts;
  const std::vector<SavedTensor> inputs = inputs_of_factors(op, base, experts, shape, how);
  freeze(op);
  if (how.tuning.kind == TuningKind::qlora && !op.keeps_format) quantise(op, weights, experts, how);
  if (outs.empty()) return;
  op.saves.insert(op.saves.begin(), inputs.begin(), inputs.end());
  const bool by_rows = op.cut == Cut::rows;
  const std::int64_t cuts = experts ? 1 : shape.cuts;
  for (const std::int64_t out : outs) {
    add_factors(op,
                {base.batch, base.k, base.m, out, how.tuning.rank, by_rows ? how.tuning.rank : how.tuning.rank / cuts,
                 by_rows ? out / cuts : out, by_rows ? shape.residual_tokens : base.k, experts},
                how);
  }
}

// X -> X + f(X D) U, each with a bias; whole on every rank, over the tokens outside the products.
Operator bottleneck(std::int64_t hidden, OperatorKind before, const TokenShape& shape, const Implementation& how) {
  Operator op{.kind = OperatorKind::adapter};
  Implementation plain = how;
  plain.linear = how.dtype;
  const std::int64_t rows = shape.residual_tokens, width = how.tuning.width;
  const Bytes row = tensor(rows, hidden, how.dtype), inner = tensor(rows, width, how.dtype);
  add_linear(op, rows, hidden, width, plain);
  add_streaming(op, StreamingKind::elementwise, 2.0 * inner, 3.0 * inner);
  add_linear(op, rows, width, hidden, plain);
  add_streaming(op, StreamingKind::elementwise, 3.0 * row, 3.0 * row);
  op.output = row;
  op.parameters = 2 * hidden * width + width + hidden;
  save(op, "adapter input", row, before, Until::weight_gradient);
  save_internal(op, "adapter's activation input", inner);
  op.saves.push_back({"adapter's activation output", inner, op.kind, true, true});
  return op;
}

void add_bottlenecks(std::vector<Operator>& list, std::int64_t hidden, const TokenShape& shape,
                     const Implementation& how) {
  for (std::size_t i = list.size(); i-- > 0;) {
    if (list[i].branch != Branch::closes) continue;
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(i), bottleneck(hidden, list[i - 1].kind, shape, how));
  }
}

}  // namespace

void tune(std::vector<Operator>& list, const Block& block, const TokenShape& shape, const Implementation& how) {
  switch (how.tuning.kind) {
    case TuningKind::full:
      return;
    case TuningKind::frozen:
      if (block.frozen) std::for_each(list.begin(), list.end(), freeze_below);
      return;
    case TuningKind::adapter:
      std::for_each(list.begin(), list.end(), freeze);
      return add_bottlenecks(list, block.hidden, shape, how);
    case TuningKind::lora:
    case TuningKind::qlora:
      break;
  }
  for (Operator& op : list) add_low_rank(op, block, shape, how);
}

void tune_embedding(std::vector<Operator>& list, const Implementation& how) {
  if (has_frozen_base(how.tuning)) std::for_each(list.begin(), list.end(), freeze_below);
}

void tune_head(std::vector<Operator>& list, const Implementation& how) {
  const bool trained =
      how.tuning.kind == TuningKind::full || (how.tuning.kind == TuningKind::frozen && how.tuning.train_head);
  if (!trained) std::for_each(list.begin(), list.end(), freeze);
}

}  // namespace forerun

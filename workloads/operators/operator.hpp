// A block as operators in three parts: forward, input gradient (B) and weight gradient (W), each a list of kernels,
// with the tensors that the forward part saves and the part that releases them.
//
// Shapes are those of one rank: strategies/ narrows the block (heads, widths, experts) and says how many tokens the
// rank sees. An operator also says of itself what lowering has to know: how its weights are cut, where it stands in its
// residual branch, whether it moves tokens. So lowering never asks which operator it is, and a new one is an entry
// where it is made, and its kernels. A frozen weight has no W; a schedule that does not split B and W runs B then W.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "workloads/jobs/tuning.hpp"
#include "workloads/models/model.hpp"
#include "workloads/operators/kernels.hpp"
#include "workloads/operators/operator_kind.hpp"

namespace forerun {

// Which attention is used is part of the program: it decides what is saved.
enum class AttentionImplementation : std::uint8_t { flash, unfused };

struct Implementation {
  AttentionImplementation attention = AttentionImplementation::flash;
  DType dtype = DType::bf16;  // activations, attention, head
  DType linear = DType::bf16;  // operands of the blocks' matrix products (fp8 adds casts)
  DType saved_input = DType::bf16;  // in which a product keeps its input for W
  Bytes gradient{4};  // of one element of a weight gradient, accumulated by the matrix product
  // A weight gradient is first written on its own, in the activations' format, and another kernel adds it.
  bool gradients_apart = false;
  Bytes logit_saved{4};  // kept per logit between forward and backward of the loss
  Bytes logit_workspace{2};  // needed beside it while the loss runs
  bool loss_statistics = false;  // the loss keeps what slices of the vocabulary tell each other
  // A chain of element-wise operators is one kernel; otherwise each step keeps what its gradient needs.
  bool fused = true;
  Tuning tuning = {};  // what of the model is trained

  bool operator==(const Implementation&) const = default;
};

// Equal sequences of a micro-batch. Positions may be split over ranks (context parallelism): `queries` of them live
// here.
struct SequenceRun {
  std::int64_t count = 0;
  std::int64_t length = 0;  // keys that a sequence has in all
  std::int64_t queries = 0;  // of this rank

  bool operator==(const SequenceRun&) const = default;
};

struct TokenShape {
  std::vector<SequenceRun> sequences;
  std::int64_t tokens = 0;  // rows of the matrix products: sum of count x queries
  std::int64_t residual_tokens = 0;  // rows outside them: fewer than `tokens` under sequence parallelism
  std::int64_t routed_tokens = 0;  // rows that this rank's experts compute (top_k x its residual tokens when balanced)
  int local_experts = 0;  // that those rows are spread over
  int cuts = 1;  // ranks that share the products' columns or rows, and with them low-rank factors
  // The keys come in so many pieces one after the other (ring), each a kernel and a sum of its own.
  int attention_passes = 1;

  bool operator==(const TokenShape&) const = default;
};

// How the weights of an operator are cut over the ranks of its tensor group (Shoeybi et al. 2019, section 3; under
// sequence parallelism Korthikanti et al. 2022, section 4.2.2).
enum class Cut : std::uint8_t {
  replicated,  // every rank holds all of them, or there are none
  columns,  // reads the whole input and makes its share of the output: the input's gradient is a partial sum
  rows,  // reads its share of the input and makes a partial sum of the output
  experts,  // whole experts over the expert group, the width of each over its expert tensor group
};

// Where an operator stands in a residual branch: what enters the opening one goes past the branch, and the closing one
// adds it.
enum class Branch : std::uint8_t { inside, opens, closes };

// What an operator does to move tokens to their experts and back.
enum class TokenRouting : std::uint8_t {
  none,
  chooses,  // the experts of each token (router)
  dispatches,  // copies of the tokens, to the ranks of their experts
  returns,  // the results of the experts, to the ranks of the tokens
  bypasses,  // reads what the router read: the first operator of the expert that every token visits
  combines,  // the results of a token's experts to one row
};

// The matrix of a block that low-rank factors may stand beside (tuning.hpp).
enum class Projection : std::uint8_t { none, qkv, attention_output, up, down };

// Where positions of a sequence see each other: columns of one position, on this rank, that a context-parallel group
// exchanges. Keys and values come in `kv_heads` equal parts.
struct MixerCore {
  std::int64_t queries = 0, keys_values = 0, outputs = 0;
  std::int64_t kv_heads = 0;
  double visible = 1;  // share of all pairs of positions that mask and window leave
};

// A tensor that lives from the forward part to the backward parts. Recomputing its producer lets it go: its result
// where the producer's own output is dropped, what only the producer looks at (`internal`) where the output is kept.
struct SavedTensor {
  std::string_view name;
  Bytes bytes;
  OperatorKind producer{};
  bool internal = false;
  bool until_weight_gradient = true;  // released by W; otherwise already by B
};

struct Operator {
  // Its name: for print, for the lists of a stack, for the executor's kernels.
  OperatorKind kind{};
  Cut cut = Cut::replicated;
  Branch branch = Branch::inside;
  TokenRouting routing = TokenRouting::none;
  Projection projection = Projection::none;
  bool keeps_format = false;  // its products stay in the activations' format and are never quantised (head, router)
  bool exchanges_statistics = false;  // the last tensor that it saves is gathered over the tensor group (loss)
  std::int64_t gathers = 0;  // columns of the input that ranks which cut its weights by columns gather; 0: none
  int top_k = 0;  // of an operator that dispatches or returns: experts that a token visits
  std::optional<MixerCore> core = {};
  std::vector<Kernel> forward, input_gradient, weight_gradient;
  std::vector<SavedTensor> saves;
  Bytes output;  // of the activation that it hands on; 0: it hands on its input
  Bytes gradient_apart;  // of the weight gradient that W writes before it is added; 0: W adds it itself
  Bytes workspace;  // beside its tensors while a forward part or B runs
  std::int64_t parameters = 0;  // trained ones of this operator on this rank
  std::int64_t expert_parameters = 0;  // of them, those of routed experts
  // Of them, those whose gradients a tensor group adds up under sequence parallelism, as every rank holds them and sees
  // tokens of its own: norms before products, and routers. Adapters, norms of outputs and the way of MLA down to the
  // latents are left out, so their exchange is not counted.
  std::int64_t replicated = 0;
  // Parameters that are not trained, in elements of the activations' format (quantised ones: as many as hold their
  // bytes).
  std::int64_t frozen = 0;
  std::int64_t frozen_experts = 0;  // of them, those of routed experts
  std::int64_t low_rank = 0;  // columns of what its factors A make, all ranks' together; 0: it has none
};

}  // namespace forerun

// The passes of a block as they are lowered: forward, what backward runs again of it, and both gradients.
#pragma once

#include <optional>
#include <utility>

#include "strategies/programs/blocks/block_emission.hpp"

namespace forerun {

// Which rows go to which experts is among its inputs.
inline bool reads_routing(const Operator& op) {
  return op.routing == TokenRouting::dispatches || op.routing == TokenRouting::combines;
}
// Made by the operator that saves it.
inline bool own(const Operator& op, const SavedTensor& saved) { return saved.internal || saved.producer == op.kind; }

// Where a run of the forward part left what backward needs.
struct ForwardTrace {
  std::vector<Tensors> input;                              // of each operator, as W finds it: before it was gathered
  std::vector<Bytes> input_bytes;                          // as B makes its gradient
  std::vector<boost::container::small_vector<std::optional<TensorId>, 4>> kept;  // of each operator's saves
  Tensors routing;                                         // which rows go to which experts
  Tensors routed;  // what the routed experts made, where there is a shared one
};

class ForwardPass {
 public:
  ForwardPass(const BlockParts& parts, BlockEmission& emit) : parts_(parts), emit_(emit) {}
  ForwardTrace operator()(Part);  // forward, or recompute

 private:
  void run(std::size_t i);
  [[nodiscard]] Tensors inputs_of(std::size_t i);
  [[nodiscard]] Tensors keep(std::size_t i, const Tensors& inputs);
  [[nodiscard]] Tensors output_of(std::size_t i, Tensors& writes);
  [[nodiscard]] std::optional<TokenId> gather_input(std::size_t i, Tensors& reads);
  [[nodiscard]] Tensors reduced(std::size_t i, const Tensors& made);
  [[nodiscard]] bool end_of_block(std::size_t i) const {
    return part_ == Part::forward && parts_.has_output && i + 1 == parts_.operators.size();
  }

  const BlockParts& parts_;
  BlockEmission& emit_;
  Part part_ = Part::forward;
  ForwardTrace trace_;
  Tensors carried_;  // the activation on its way to the next operator
  Tensors skips_;  // what goes past a branch
  Tensors router_input_;
  Tensors standing_;  // what the last operator saved of its output
};

// Selective recompute: runs again what makes the tensors that forward let go, one operator's backward at a time.
class Rebuilding {
 public:
  Rebuilding(const BlockParts& parts, BlockEmission& emit, ForwardTrace& trace)
      : parts_(parts), emit_(emit), trace_(trace) {}
  // What the backward of that operator needs. The trace points to the new ones from here on.
  void operator()(std::size_t i);

 private:
  [[nodiscard]] bool drops(const SavedTensor&) const;
  [[nodiscard]] bool missing(std::size_t i, std::size_t save) const;
  [[nodiscard]] std::size_t producer(std::size_t consumer, OperatorKind) const;
  void rerun(std::size_t producer);
  [[nodiscard]] Tensors make_again(std::size_t producer);
  void replace(TensorId old, TensorId fresh);

  const BlockParts& parts_;
  BlockEmission& emit_;
  ForwardTrace& trace_;
  Tensors rebuilt_;
};

// B and W of each operator in turn, or B of all and W of all later.
class BackwardPass {
 public:
  BackwardPass(const BlockParts& parts, BlockEmission& emit, ForwardTrace trace, Recompute mode, bool split)
      : parts_(parts),
        emit_(emit),
        trace_(std::move(trace)),
        mode_(mode),
        split_(split),
        rebuild_(parts, emit, trace_) {}
  BackwardPass(const BackwardPass&) = delete;
  BackwardPass& operator=(const BackwardPass&) = delete;

  void operator()();
  void weights();  // W on its own, after B

 private:
  void run(std::size_t i);
  void finish();
  [[nodiscard]] std::size_t first_active() const;
  [[nodiscard]] Tensors gather_gradient(std::size_t i, std::optional<TokenId>& gathering);
  [[nodiscard]] Tensors run_input_gradient(std::size_t i, std::optional<TokenId>& reducing);
  [[nodiscard]] Tensors reduce_gradient(std::size_t i, const Tensors& made, std::optional<TokenId>& reducing);
  void run_weight_gradient(std::size_t i, const Tensors& input);
  [[nodiscard]] std::pair<Tensors, std::optional<TokenId>> gather_again(std::size_t i);
  [[nodiscard]] TensorId saved_queries(std::size_t i) const;
  [[nodiscard]] Tensors saved_input(std::size_t i) const;
  [[nodiscard]] Tensors weight_reads(std::size_t i, const Tensors& input) const;
  [[nodiscard]] Bytes gradient_bytes(std::size_t i) const;

  const BlockParts& parts_;
  BlockEmission& emit_;
  ForwardTrace trace_;
  Recompute mode_;
  bool split_;
  Rebuilding rebuild_;
  Tensors gradient_;  // of the output of the operator that comes next
  Tensors skips_;  // what goes past a branch
  Tensors to_experts_;
  std::vector<Tensors> wide_;  // gradient of each operator's output, as its kernels read it
};

}  // namespace forerun

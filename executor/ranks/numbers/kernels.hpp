// What operators do on one rank: functions over the tensors that the instruction at work names. Each says which tensors
// it reads and writes, in the order of the Program.
#pragma once

#include "executor/ranks/numbers/kernel_context.hpp"

namespace forerun {

// A part of an operator; `WeightKind`: what the operator's row of the table says (kernel_table.hpp).
template <class T>
using KernelFunction = void (*)(KernelContext<T>&, WeightKind);

// In product_kernels.cpp.
template <class T>
struct ProductKernels {
  static void forward(KernelContext<T>&, WeightKind);  // input -> output
  static void input_gradient(KernelContext<T>&, WeightKind);  // gradient, ... -> gradient of the input
  // gradient, ..., input ->: the input is read last: gathered again, where it is.
  static void weight_gradient(KernelContext<T>&, WeightKind);

  // y = x W, dx = dy W^T, dW += x^T dy, for those that have their tensors elsewhere.
  static void project(KernelContext<T>&, WeightKind, std::span<const T> x, std::span<T> y);
  static void project_back(KernelContext<T>&, WeightKind, std::span<const T> dy, std::span<T> dx);
  static void add_weight_gradient(KernelContext<T>&, WeightKind, std::span<const T> x, std::span<const T> dy);
};

// The same with a head that may be the table of tokens, turned.
template <class T>
struct HeadKernels {
  static void forward(KernelContext<T>&, WeightKind);
  static void input_gradient(KernelContext<T>&, WeightKind);
  static void weight_gradient(KernelContext<T>&, WeightKind);
};

// The same with the weights of each of this rank's experts for its rows, where the block has routed experts.
template <class T>
struct FeedForwardKernels {
  static void forward(KernelContext<T>&, WeightKind);
  static void input_gradient(KernelContext<T>&, WeightKind);
  static void weight_gradient(KernelContext<T>&, WeightKind);
};

// In layer_kernels.cpp.
template <class T>
struct NormKernels {
  static void forward(KernelContext<T>&, WeightKind);  // input -> output
  // gradient, input, gradients that went past the branch -> gradient of the input; adds the norm's own.
  static void input_gradient(KernelContext<T>&, WeightKind);
};

template <class T>
struct ActivationKernels {
  static void forward(KernelContext<T>&, WeightKind);  // input -> output
  static void input_gradient(KernelContext<T>&, WeightKind);  // gradient, input -> gradient of the input
};

// The end of a branch.
template <class T>
struct ResidualKernels {
  static void forward(KernelContext<T>&, WeightKind);  // past the branch, through it -> sum
  static void input_gradient(KernelContext<T>&, WeightKind);  // gradient -> the same
};

template <class T>
struct EmbeddingKernels {
  static void forward(KernelContext<T>&, WeightKind);  // -> activation
  static void weight_gradient(KernelContext<T>&, WeightKind);  // gradient ->
};

template <class T>
struct LossKernels {
  static void forward(KernelContext<T>&, WeightKind);  // logits -> exponentials, statistics of this and other slices
  static void input_gradient(KernelContext<T>&, WeightKind);  // exponentials, statistics -> gradient of the logits
};

// In attention_kernels.cpp.
// Queries and keys are turned by their positions.
template <class T>
struct RotaryKernels {
  static void forward(KernelContext<T>&, WeightKind);  // queries, keys and values -> the same, turned
  static void input_gradient(KernelContext<T>&, WeightKind);  // gradient -> gradient
};

// Keys and values of other ranks come all at once, or one rank's after the other's (ring).
template <class T>
struct AttentionKernels {
  // queries with keys and values, [those of others] -> output, log-sum-exp.
  static void forward(KernelContext<T>&, WeightKind);
  // gradient of the output, queries with keys and values, output, log-sum-exp, [keys and values of others]
  // -> gradient of queries with keys and values, [of keys and values of others].
  static void input_gradient(KernelContext<T>&, WeightKind);
};

// In expert_kernels.cpp.
template <class T>
struct RouterKernels {
  static void forward(KernelContext<T>&, WeightKind);  // tokens -> routing
  static void input_gradient(KernelContext<T>&, WeightKind);  // gradient of the tokens, routing -> their gradient
  static void weight_gradient(KernelContext<T>&, WeightKind);  // gradient, tokens, routing ->
};

// Copies of tokens in the order of their experts, and back.
template <class T>
struct DispatchKernels {
  static void forward(KernelContext<T>&, WeightKind);  // tokens, ..., routing -> rows
  static void input_gradient(KernelContext<T>&, WeightKind);  // gradient of the rows, ..., routing -> of the tokens
};

template <class T>
struct CombineKernels {
  static void forward(KernelContext<T>&, WeightKind);  // rows, ..., routing -> tokens
  // gradient of the tokens, rows, ..., routing -> gradient of the rows; that of the weights into the routing.
  static void input_gradient(KernelContext<T>&, WeightKind);
};

}  // namespace forerun

// What ranks of a group say to each other: functions over the tensors that the instruction at work names, and over
// weights and their gradients.
#pragma once

#include <functional>

#include "executor/ranks/numbers/kernel_context.hpp"

namespace forerun {

// Throws std::logic_error where the executor has none of this kind.
template <class T>
void run_exchange(KernelContext<T>&, const Communication&, Communicator&);

// In activation_exchanges.cpp: tensor parallelism.
template <class T>
struct ActivationExchanges {
  static void all_reduce(KernelContext<T>&, const Communication&, Communicator&);  // in place
  static void reduce_scatter(KernelContext<T>&, const Communication&, Communicator&);  // whole -> this rank's rows
  static void all_gather(KernelContext<T>&, const Communication&, Communicator&);  // this rank's rows -> whole
};

template <class T>
struct ExpertExchanges {
  // rows in the order of their experts -> rows for this rank's experts, or home.
  static void exchange_rows(KernelContext<T>&, const Communication&, Communicator&);
  // rows that this rank received -> those of all that share its experts, one's after the other's.
  static void gather_rows(KernelContext<T>&, const Communication&, Communicator&);
  // parts of the outputs of all those rows -> sums of this rank's.
  static void scatter_rows(KernelContext<T>&, const Communication&, Communicator&);
};

// In attention_exchanges.cpp: context parallelism.
template <class T>
struct AttentionExchanges {
  // queries with keys and values -> keys and values of all ranks, one's after the other's.
  static void gather_keys(KernelContext<T>&, const Communication&, Communicator&);
  // gradients of all keys and values -> this rank's are added to those of its queries, keys and values.
  static void scatter_key_gradients(KernelContext<T>&, const Communication&, Communicator&);
  // keys and values -> those of the rank before, while the next one gets these. The first time they are still beside
  // their queries.
  static void pass_on_the_ring(KernelContext<T>&, const Communication&, Communicator&);
  // Ulysses: a share of the positions with all heads -> all positions with a share of the heads, or home.
  static void exchange_heads(KernelContext<T>&, const Communication&, Communicator&);
};

// In gradient_exchanges.cpp.
template <class T>
struct GradientExchanges {
  // Gathers parameters of units, or reduces their gradients. What is returned looks at no instruction.
  static std::function<void()> between_replicas(KernelContext<T>&, const Communication&, Communicator&);
  // At the end of a step: what the ranks of a tensor group all hold, what the stages of a DualPipe hold twice, and a
  // tied table that the first and the last stage hold.
  static void sum_replicated(KernelContext<T>&, const Communication&, Communicator&);
  static void sum_mirrored(KernelContext<T>&, const Communication&, Communicator&);
  static void sum_ends(KernelContext<T>&, const Communication&, Communicator&);
};

}  // namespace forerun

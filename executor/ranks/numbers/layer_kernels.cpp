#include "executor/ranks/numbers/kernels.hpp"
#include "executor/ranks/token_batch.hpp"
#include "runtime/cpu/cross_entropy.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

constexpr double norm_epsilon = 1e-5;

// Of a feed-forward layer, or of one expert: columns that a rank has, after the activation.
struct LayerColumns {
  std::int64_t width = 0;
  bool gated = false;
};

LayerColumns feed_forward_of(const RankContext& rank) {
  const Block& block = rank.block();
  if (const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward)) return {mlp->width / rank.plan.tp, mlp->gated};
  const Moe& moe = std::get<Moe>(block.feed_forward);
  return {moe.width / rank.plan.etp, moe.gated};
}

}  // namespace

template <class T>
void NormKernels<T>::forward(KernelContext<T>& k, WeightKind kind) {
  const std::span<const T> w = k.weights.weight(kind);
  const auto h = static_cast<std::size_t>(k.hidden());
  const std::span<T> input = k.read(0), output = k.written(0);
  if (k.rank.given.model.norm == NormKind::rms) return k.on.rms_norm_forward(norm_epsilon, input, w, output);
  k.on.layer_norm_forward(norm_epsilon, input, w.first(h), w.subspan(h), output);
}

template <class T>
void NormKernels<T>::input_gradient(KernelContext<T>& k, WeightKind kind) {
  const std::span<const T> w = k.weights.weight(kind), dy = k.read(0), x = k.read(1);
  const std::span<Arithmetic<T>> dw = k.weights.gradient(kind);
  const std::span<T> dx = k.written(0);
  const auto h = static_cast<std::size_t>(k.hidden());
  if (k.rank.given.model.norm == NormKind::rms) {
    k.on.rms_norm_backward(norm_epsilon, x, w, dy, dx, dw);
  } else {
    k.on.layer_norm_backward(norm_epsilon, x, w.first(h), dy, dx, dw.first(h), dw.subspan(h));
  }
  for (std::size_t i = 2; i < k.reads(); ++i) k.on.add(dx, k.read(i), dx);
}

template <class T>
void ActivationKernels<T>::forward(KernelContext<T>& k, WeightKind) {
  const LayerColumns layer = feed_forward_of(k.rank);
  if (layer.gated) return k.on.swiglu_forward(layer.width, k.read(0), k.written(0));
  k.on.gelu_forward(k.read(0), k.written(0));
}

template <class T>
void ActivationKernels<T>::input_gradient(KernelContext<T>& k, WeightKind) {
  const LayerColumns layer = feed_forward_of(k.rank);
  const std::span<T> gradient = k.read(0), input = k.read(1), of_input = k.written(0);
  if (layer.gated) return k.on.swiglu_backward(layer.width, input, gradient, of_input);
  k.on.gelu_backward(input, gradient, of_input);
}

template <class T>
void ResidualKernels<T>::forward(KernelContext<T>& k, WeightKind) {
  k.on.add(k.read(0), k.read(1), k.written(0));
}

template <class T>
void ResidualKernels<T>::input_gradient(KernelContext<T>& k, WeightKind) {
  copy<T>(k.rank.backend, k.read(0), k.written(0));
}

template <class T>
void EmbeddingKernels<T>::forward(KernelContext<T>& k, WeightKind kind) {
  const Weight& table = *k.weights.find(kind);
  k.on.embedding_forward(k.hidden(), table.rows.first, tokens_at_work(k.rank, TokenUse::input), k.weights.weight(kind),
                         k.written(0));
}

template <class T>
void EmbeddingKernels<T>::weight_gradient(KernelContext<T>& k, WeightKind kind) {
  const Weight& table = *k.weights.find(kind);
  k.on.embedding_weight_gradient(k.hidden(), table.rows.first, tokens_at_work(k.rank, TokenUse::input), k.read(0),
                                 k.weights.gradient(kind));
}

// Each rank of a tensor group has a slice of the vocabulary, and says of it what the others need.
template <class T>
void LossKernels<T>::forward(KernelContext<T>& k, WeightKind) {
  using A = Arithmetic<T>;
  const std::vector<std::int32_t> targets = tokens_at_work(k.rank, TokenUse::target);
  const std::int64_t slice = k.rank.given.model.vocab / k.rank.plan.tp;
  const auto own = k.template written<LossStatistics<A>>(1).subspan(
      static_cast<std::size_t>(k.rank.at.tp) * targets.size(), targets.size());
  k.on.cross_entropy_forward(k.rank.at.tp * slice, k.read(0), targets, k.template written<A>(0), own);
}

template <class T>
void LossKernels<T>::input_gradient(KernelContext<T>& k, WeightKind) {
  using A = Arithmetic<T>;
  const std::vector<std::int32_t> targets = tokens_at_work(k.rank, TokenUse::target);
  const std::int64_t slice = k.rank.given.model.vocab / k.rank.plan.tp;
  const std::span<const LossStatistics<A>> statistics = k.template read<LossStatistics<A>>(1);
  if (k.rank.at.tp == 0) k.on.add_losses(statistics, k.rank.workspace.template take<A>(std::ssize(targets)));
  const double scale = 1.0 / static_cast<double>(tokens_per_step(k.rank.given.job));
  k.on.cross_entropy_backward(k.rank.at.tp * slice, k.rank.at.tp, static_cast<A>(scale), k.template read<A>(0),
                              statistics, targets, k.written(0));
}

#define FORERUN_LAYER_KERNELS(T)        \
  template struct NormKernels<T>;       \
  template struct ActivationKernels<T>; \
  template struct ResidualKernels<T>;   \
  template struct EmbeddingKernels<T>;  \
  template struct LossKernels<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_LAYER_KERNELS)

}  // namespace forerun

#include <algorithm>
#include <utility>

#include "executor/ranks/numbers/kernels.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

// The routing tensor's parts: what the router keeps until its backward parts.
template <class T>
struct Choices {
  using A = Arithmetic<T>;

  RouterShape shape;
  std::span<A> scores, weights, weight_gradients;  // [rows, experts], [rows, top_k] twice
  std::span<std::int32_t> chosen, place;  // [rows, top_k]
};

// The first `n` of what is left.
template <class U>
std::span<U> take(std::span<std::byte>& bytes, std::size_t n) {
  const std::span<U> part(reinterpret_cast<U*>(bytes.data()), n);
  bytes = bytes.subspan(n * sizeof(U));
  return part;
}

template <class T>
Choices<T> choices_in(const RankContext& rank, std::span<std::byte> routing) {
  using A = Arithmetic<T>;
  const Moe& moe = *rank.experts();
  const auto experts = static_cast<std::size_t>(moe.experts), top_k = static_cast<std::size_t>(moe.top_k);
  const std::size_t of_row = sizeof(A) * (experts + 2 * top_k) + 2 * sizeof(std::int32_t) * top_k;
  const std::size_t rows = routing.size() / of_row;
  Choices<T> c{.shape = {static_cast<std::int64_t>(rows), moe.experts, moe.top_k, true}};
  c.scores = take<A>(routing, rows * experts);
  c.weights = take<A>(routing, rows * top_k);
  c.weight_gradients = take<A>(routing, rows * top_k);
  c.chosen = take<std::int32_t>(routing, rows * top_k);
  c.place = take<std::int32_t>(routing, rows * top_k);
  return c;
}

// Read last.
template <class T>
Choices<T> choices_read(KernelContext<T>& k) {
  return choices_in<T>(k.rank, k.template read<std::byte>(k.reads() - 1));
}

template <class U>
std::vector<U> on_host(Backend& backend, std::span<const U> there) {
  std::vector<U> here(there.size());
  get<U>(backend, there, here);
  return here;
}

// Scores of as many neighbouring tokens as there are experts: [token, expert].
template <class A>
using ScoresOfGroup = std::span<const A>;

// By how many places each token's experts are on from its own number: those with the highest scores in all.
template <class A>
std::vector<int> best_offsets(ScoresOfGroup<A> scores, int experts, int top_k) {
  std::vector<std::pair<A, int>> sums;
  for (int offset = 0; offset < experts; ++offset) {
    A sum = 0;
    for (int i = 0; i < experts; ++i) sum += scores[static_cast<std::size_t>(i * experts + (i + offset) % experts)];
    sums.emplace_back(-sum, offset);
  }
  std::ranges::sort(sums);
  std::vector<int> best;
  for (int j = 0; j < top_k; ++j) best.push_back(sums[static_cast<std::size_t>(j)].second);
  return best;
}

// Of each group of as many tokens as there are experts, token i goes to experts i + o for the top_k best offsets o:
// each expert gets top_k rows of every group.
template <class T>
void balance(KernelContext<T>& k, Choices<T>& c) {
  using A = Arithmetic<T>;
  const int experts = c.shape.experts, top_k = c.shape.top_k;
  const std::vector<A> scores = on_host<A>(k.rank.backend, c.scores);
  std::vector<A> weights;
  std::vector<std::int32_t> chosen;
  const auto group = static_cast<std::size_t>(experts) * static_cast<std::size_t>(experts);
  for (std::size_t at = 0; at < scores.size(); at += group) {
    const ScoresOfGroup<A> of_group = std::span(scores).subspan(at, group);
    const std::vector<int> offsets = best_offsets<A>(of_group, experts, top_k);
    for (int i = 0; i < experts; ++i) {
      A sum = 0;
      const auto score = [&](int offset) {
        return of_group[static_cast<std::size_t>(i * experts + (i + offset) % experts)];
      };
      for (const int offset : offsets) sum += score(offset);
      for (const int offset : offsets) {
        chosen.push_back((i + offset) % experts);
        weights.push_back(score(offset) / sum);
      }
    }
  }
  put<A>(k.rank.backend, weights, c.weights);
  put<std::int32_t>(k.rank.backend, chosen, c.chosen);
}

// In the workspace.
template <class T>
std::span<T> gradient_of_logits(KernelContext<T>& k, const Choices<T>& c) {
  const std::span<T> logits = k.rank.workspace.template take<T>(c.shape.rows * c.shape.experts);
  k.on.router_backward(c.shape, c.scores, c.chosen, c.weight_gradients, logits);
  return logits;
}

}  // namespace

template <class T>
void RouterKernels<T>::forward(KernelContext<T>& k, WeightKind kind) {
  Choices<T> c = choices_in<T>(k.rank, k.template written<std::byte>(0));
  const std::span<T> logits = k.rank.workspace.template take<T>(c.shape.rows * c.shape.experts);
  ProductKernels<T>::project(k, kind, k.read(0), logits);
  k.on.router_forward(c.shape, logits, c.scores, c.chosen, c.weights);
  if (k.rank.options.routing == Routing::balanced) balance(k, c);
}

template <class T>
void RouterKernels<T>::input_gradient(KernelContext<T>& k, WeightKind kind) {
  const std::span<T> gradient = k.read(0), of_tokens = k.written(0);
  ProductKernels<T>::project_back(k, kind, gradient_of_logits(k, choices_read(k)), of_tokens);
  k.on.add(of_tokens, gradient, of_tokens);
}

template <class T>
void RouterKernels<T>::weight_gradient(KernelContext<T>& k, WeightKind kind) {
  const std::span<T> tokens = k.read(k.reads() - 2);
  ProductKernels<T>::add_weight_gradient(k, kind, tokens, gradient_of_logits(k, choices_read(k)));
}

template <class T>
void DispatchKernels<T>::forward(KernelContext<T>& k, WeightKind) {
  const Choices<T> c = choices_read(k);
  ExpertOrder order = order_by_expert(c.shape.experts, c.shape.top_k, on_host<std::int32_t>(k.rank.backend, c.chosen));
  put<std::int32_t>(k.rank.backend, order.place, c.place);
  k.on.gather_rows(k.hidden(), k.read(0), order.token, k.written(0));
  k.experts.route(std::move(order));
}

template <class T>
void DispatchKernels<T>::input_gradient(KernelContext<T>& k, WeightKind) {
  using A = Arithmetic<T>;
  const Choices<T> c = choices_read(k);
  const std::span<A> ones = k.rank.workspace.template take<A>(std::ssize(c.place));
  k.on.fill_sums(A(1), ones);
  k.on.combine_forward(k.hidden(), c.shape.top_k, k.read(0), c.place, ones, k.written(0));
}

template <class T>
void CombineKernels<T>::forward(KernelContext<T>& k, WeightKind) {
  const Choices<T> c = choices_read(k);
  k.on.combine_forward(k.hidden(), c.shape.top_k, k.read(0), c.place, c.weights, k.written(0));
}

template <class T>
void CombineKernels<T>::input_gradient(KernelContext<T>& k, WeightKind) {
  const Choices<T> c = choices_read(k);
  const std::span<T> gradient = k.read(0), rows = k.read(1);
  k.on.combine_backward(k.hidden(), c.shape.top_k, rows, c.place, c.weights, gradient, k.written(0),
                        c.weight_gradients);
}

#define FORERUN_EXPERT_KERNELS(T)     \
  template struct RouterKernels<T>;   \
  template struct DispatchKernels<T>; \
  template struct CombineKernels<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_EXPERT_KERNELS)

}  // namespace forerun

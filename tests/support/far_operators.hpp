// The CPU's operators on memory that lies far away (far_memory.hpp): what they are given is brought near, but for lists
// of the host.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/operators.hpp"

namespace forerun::test {

inline constexpr std::intptr_t far_distance = std::intptr_t{1} << 60;  // no processor has addresses so large

inline void* moved(const void* data, std::intptr_t by) {
  return reinterpret_cast<void*>(reinterpret_cast<std::intptr_t>(data) +
                                 by);  // NOLINT(performance-no-int-to-ptr): the point of it
}
inline void* here(const void* data) { return data == nullptr ? nullptr : moved(data, -far_distance); }
template <class U>
std::span<U> here(std::span<U> list) {
  return {static_cast<U*>(here(static_cast<const void*>(list.data()))), list.size()};
}
template <class U>
Matrix<U> here(Matrix<U> m) {
  return {static_cast<U*>(here(static_cast<const void*>(m.data))), m.stride};
}
template <class T>
AttentionInput<T> here(const AttentionInput<T>& in) {
  return {here(in.q), here(in.k), here(in.v), in.query_positions, in.key_positions};
}

template <class T>
class FarOperators final : public Operators<T> {
 public:
  using A = Arithmetic<T>;
  using In = std::span<const T>;
  using Out = std::span<T>;
  using Sums = std::span<A>;
  using HostInts = std::span<const std::int32_t>;

  explicit FarOperators(Operators<T>& near) : near_(near) {}

  void product(Turn turn_0, Turn turn_1, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
               Matrix<const T> b, Matrix<T> c) override {
    return near_.product(turn_0, turn_1, m, n, k, here(a), here(b), here(c));
  }
  void add_product(Turn turn_0, Turn turn_1, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
                   Matrix<const T> b, Matrix<A> c) override {
    return near_.add_product(turn_0, turn_1, m, n, k, here(a), here(b), here(c));
  }
  void rms_norm_forward(double epsilon, In x, In w, Out y) override {
    return near_.rms_norm_forward(epsilon, here(x), here(w), here(y));
  }
  void rms_norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw) override {
    return near_.rms_norm_backward(epsilon, here(x), here(w), here(dy), here(dx), here(dw));
  }
  void layer_norm_forward(double epsilon, In x, In w, In b, Out y) override {
    return near_.layer_norm_forward(epsilon, here(x), here(w), here(b), here(y));
  }
  void layer_norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw, Sums db) override {
    return near_.layer_norm_backward(epsilon, here(x), here(w), here(dy), here(dx), here(dw), here(db));
  }
  void gelu_forward(In x, Out y) override { return near_.gelu_forward(here(x), here(y)); }
  void gelu_backward(In x, In dy, Out dx) override { return near_.gelu_backward(here(x), here(dy), here(dx)); }
  void swiglu_forward(std::int64_t width, In x, Out y) override {
    return near_.swiglu_forward(width, here(x), here(y));
  }
  void swiglu_backward(std::int64_t width, In x, In dy, Out dx) override {
    return near_.swiglu_backward(width, here(x), here(dy), here(dx));
  }
  void add(In a, In b, Out sum) override { return near_.add(here(a), here(b), here(sum)); }
  void add_sums(std::span<const A> a, std::span<const A> b, Sums sum) override {
    return near_.add_sums(here(a), here(b), here(sum));
  }
  void add_rows_of(std::int64_t rows, std::int64_t width, Matrix<const T> x, Matrix<T> sum) override {
    return near_.add_rows_of(rows, width, here(x), here(sum));
  }
  void fill_sums(A value, Sums sums) override { return near_.fill_sums(value, here(sums)); }
  void narrow(std::span<const A> x, Out y) override { return near_.narrow(here(x), here(y)); }
  void gather_rows(std::int64_t width, In x, HostInts host_index, Out y) override {
    return near_.gather_rows(width, here(x), host_index, here(y));
  }
  void router_forward(RouterShape s, In logits, Sums scores, std::span<std::int32_t> chosen, Sums weights) override {
    return near_.router_forward(s, here(logits), here(scores), here(chosen), here(weights));
  }
  void router_backward(RouterShape s, std::span<const A> scores, std::span<const std::int32_t> chosen,
                       std::span<const A> dweights, Out dlogits) override {
    return near_.router_backward(s, here(scores), here(chosen), here(dweights), here(dlogits));
  }
  void combine_forward(std::int64_t width, int top_k, In x, std::span<const std::int32_t> place,
                       std::span<const A> weights, Out y) override {
    return near_.combine_forward(width, top_k, here(x), here(place), here(weights), here(y));
  }
  void combine_backward(std::int64_t width, int top_k, In x, std::span<const std::int32_t> place,
                        std::span<const A> weights, In dy, Out dx, Sums dweights) override {
    return near_.combine_backward(width, top_k, here(x), here(place), here(weights), here(dy), here(dx),
                                  here(dweights));
  }
  void embedding_forward(std::int64_t width, std::int64_t first, HostInts host_tokens, In table, Out y) override {
    return near_.embedding_forward(width, first, host_tokens, here(table), here(y));
  }
  void embedding_weight_gradient(std::int64_t width, std::int64_t first, HostInts host_tokens, In dy,
                                 Sums dtable) override {
    return near_.embedding_weight_gradient(width, first, host_tokens, here(dy), here(dtable));
  }
  void rotary_forward(RotaryShape s, std::span<const A> table, Matrix<const T> x, Matrix<T> y) override {
    return near_.rotary_forward(s, here(table), here(x), here(y));
  }
  void rotary_backward(RotaryShape s, std::span<const A> table, Matrix<const T> dy, Matrix<T> dx) override {
    return near_.rotary_backward(s, here(table), here(dy), here(dx));
  }
  [[nodiscard]] std::int64_t attention_scratch(const AttentionShape& s) const override {
    return near_.attention_scratch(s);
  }
  void attention_forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, Sums log_sum_exp,
                         Sums scratch) override {
    return near_.attention_forward(s, here(in), here(out), here(log_sum_exp), here(scratch));
  }
  void merge_attention(const AttentionShape& s, Matrix<const T> out, std::span<const A> log_sum_exp, Sums sum,
                       Sums sum_log_sum_exp) override {
    return near_.merge_attention(s, here(out), here(log_sum_exp), here(sum), here(sum_log_sum_exp));
  }
  void attention_backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out,
                          std::span<const A> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk,
                          Matrix<T> dv, Sums scratch) override {
    return near_.attention_backward(s, here(in), here(out), here(log_sum_exp), here(dout), here(dq), here(dk), here(dv),
                                    here(scratch));
  }
  void cross_entropy_forward(std::int64_t first, In logits, HostInts host_targets, Sums exponentials,
                             std::span<LossStatistics<A>> statistics) override {
    return near_.cross_entropy_forward(first, here(logits), host_targets, here(exponentials), here(statistics));
  }
  void cross_entropy_backward(std::int64_t first, int slice, A scale, std::span<const A> exponentials,
                              std::span<const LossStatistics<A>> statistics, HostInts host_targets,
                              Out dlogits) override {
    return near_.cross_entropy_backward(first, slice, scale, here(exponentials), here(statistics), host_targets,
                                        here(dlogits));
  }
  void add_losses(std::span<const LossStatistics<A>> statistics, Sums losses) override {
    return near_.add_losses(here(statistics), here(losses));
  }
  [[nodiscard]] double take_losses() override { return near_.take_losses(); }
  void adamw_update(const AdamW& how, std::int64_t step, A gradient_scale, std::span<const A> gradient, Sums m, Sums v,
                    Sums master, Out parameters) override {
    return near_.adamw_update(how, step, gradient_scale, here(gradient), here(m), here(v), here(master),
                              here(parameters));
  }

 private:
  Operators<T>& near_;
};

}  // namespace forerun::test

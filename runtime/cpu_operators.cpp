// The CPU's operators: the functions of cpu/, on the thread that calls them.
#include "runtime/cpu_operators.hpp"

#include <algorithm>
#include <utility>

#include "runtime/cpu/activations.hpp"
#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/embedding.hpp"
#include "runtime/cpu/expert_order.hpp"
#include "runtime/cpu/norms.hpp"

namespace forerun {
namespace {

template <class T>
class CpuProducts : public virtual ProductOperators<T> {
 public:
  void product(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
               Matrix<const T> b, Matrix<T> c) override {
    multiply(turn_a, turn_b, m, n, k, Arithmetic<T>(1), a, b, Arithmetic<T>(0), c);
  }
  void add_product(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
                   Matrix<const T> b, Matrix<Arithmetic<T>> c) override {
    multiply(turn_a, turn_b, m, n, k, Arithmetic<T>(1), a, b, Arithmetic<T>(1), c);
  }
};

template <class T>
class CpuNorms : public virtual NormOperators<T> {
 public:
  void rms_norm_forward(double epsilon, In<T> x, In<T> w, Out<T> y) override {
    forerun::rms_norm_forward<T>(epsilon, x, w, y);
  }
  void rms_norm_backward(double epsilon, In<T> x, In<T> w, In<T> dy, Out<T> dx, Sums<T> dw) override {
    forerun::rms_norm_backward<T>(epsilon, x, w, dy, dx, dw);
  }
  void layer_norm_forward(double epsilon, In<T> x, In<T> w, In<T> b, Out<T> y) override {
    forerun::layer_norm_forward<T>(epsilon, x, w, b, y);
  }
  void layer_norm_backward(double epsilon, In<T> x, In<T> w, In<T> dy, Out<T> dx, Sums<T> dw, Sums<T> db) override {
    forerun::layer_norm_backward<T>(epsilon, x, w, dy, dx, dw, db);
  }
};

template <class T>
class CpuElementwise : public virtual ElementwiseOperators<T> {
 public:
  void gelu_forward(In<T> x, Out<T> y) override { forerun::gelu_forward<T>(x, y); }
  void gelu_backward(In<T> x, In<T> dy, Out<T> dx) override { forerun::gelu_backward<T>(x, dy, dx); }
  void swiglu_forward(std::int64_t width, In<T> x, Out<T> y) override { forerun::swiglu_forward<T>(width, x, y); }
  void swiglu_backward(std::int64_t width, In<T> x, In<T> dy, Out<T> dx) override {
    forerun::swiglu_backward<T>(width, x, dy, dx);
  }

  void add(In<T> a, In<T> b, Out<T> sum) override { forerun::add<T>(a, b, sum); }
  void add_sums(ConstSums<T> a, ConstSums<T> b, Sums<T> sum) override { forerun::add<Arithmetic<T>>(a, b, sum); }
  void add_rows_of(std::int64_t rows, std::int64_t width, Matrix<const T> x, Matrix<T> sum) override {
    const auto n = static_cast<std::size_t>(width);
    for (std::int64_t i = 0; i < rows; ++i) forerun::add<T>({sum.row(i), n}, {x.row(i), n}, {sum.row(i), n});
  }
  void fill_sums(Arithmetic<T> value, Sums<T> sums) override { std::ranges::fill(sums, value); }
  void narrow(ConstSums<T> x, Out<T> y) override { forerun::narrow<T>(x, y); }
};

template <class T>
class CpuTokens : public virtual TokenOperators<T> {
 public:
  void gather_rows(std::int64_t width, In<T> x, Indices index, Out<T> y) override {
    forerun::gather_rows<T>(width, x, index, y);
  }

  void router_forward(RouterShape s, In<T> logits, Sums<T> scores, std::span<std::int32_t> chosen,
                      Sums<T> weights) override {
    forerun::router_forward<T>(s, logits, scores, chosen, weights);
  }
  void router_backward(RouterShape s, ConstSums<T> scores, Indices chosen, ConstSums<T> dweights,
                       Out<T> dlogits) override {
    forerun::router_backward<T>(s, scores, chosen, dweights, dlogits);
  }
  void combine_forward(std::int64_t width, int top_k, In<T> x, Indices place, ConstSums<T> weights, Out<T> y) override {
    forerun::combine_forward<T>(width, top_k, x, place, weights, y);
  }
  void combine_backward(std::int64_t width, int top_k, In<T> x, Indices place, ConstSums<T> weights, In<T> dy,
                        Out<T> dx, Sums<T> dweights) override {
    forerun::combine_backward<T>(width, top_k, x, place, weights, dy, dx, dweights);
  }

  void embedding_forward(std::int64_t width, std::int64_t first, Indices tokens, In<T> table, Out<T> y) override {
    forerun::embedding_forward<T>(width, first, tokens, table, y);
  }
  void embedding_weight_gradient(std::int64_t width, std::int64_t first, Indices tokens, In<T> dy,
                                 Sums<T> dtable) override {
    forerun::embedding_weight_gradient<T>(width, first, tokens, dy, dtable);
  }
  void rotary_forward(RotaryShape s, ConstSums<T> table, Matrix<const T> x, Matrix<T> y) override {
    forerun::rotary_forward<T>(s, table, x, y);
  }
  void rotary_backward(RotaryShape s, ConstSums<T> table, Matrix<const T> dy, Matrix<T> dx) override {
    forerun::rotary_backward<T>(s, table, dy, dx);
  }
};

template <class T>
class CpuAttention : public virtual AttentionOperators<T> {
 public:
  [[nodiscard]] std::int64_t attention_scratch(const AttentionShape& s) const override {
    return forerun::attention_scratch<T>(s);
  }
  void attention_forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, Sums<T> log_sum_exp,
                         Sums<T> scratch) override {
    forerun::attention_forward<T>(s, in, out, log_sum_exp, scratch);
  }
  void merge_attention(const AttentionShape& s, Matrix<const T> out, ConstSums<T> log_sum_exp, Sums<T> sum,
                       Sums<T> sum_log_sum_exp) override {
    forerun::merge_attention<T>(s, out, log_sum_exp, sum, sum_log_sum_exp);
  }
  void attention_backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out,
                          ConstSums<T> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk, Matrix<T> dv,
                          Sums<T> scratch) override {
    forerun::attention_backward<T>(s, in, out, log_sum_exp, dout, dq, dk, dv, scratch);
  }
};

template <class T>
class CpuTraining : public virtual TrainingOperators<T> {
 public:
  void cross_entropy_forward(std::int64_t first, In<T> logits, Indices targets, Sums<T> exponentials,
                             LossRows<T> statistics) override {
    forerun::cross_entropy_forward<T>(first, logits, targets, exponentials, statistics);
  }
  void cross_entropy_backward(std::int64_t first, int slice, Arithmetic<T> scale, ConstSums<T> exponentials,
                              ConstLossRows<T> statistics, Indices targets, Out<T> dlogits) override {
    forerun::cross_entropy_backward<T>(first, slice, scale, exponentials, statistics, targets, dlogits);
  }
  void add_losses(ConstLossRows<T> statistics, Sums<T> losses) override {
    cross_entropy_losses<Arithmetic<T>>(statistics, losses);
    for (const Arithmetic<T> loss : losses) losses_ += static_cast<double>(loss);
  }
  [[nodiscard]] double take_losses() override { return std::exchange(losses_, 0); }

  void adamw_update(const AdamW& how, std::int64_t step, Arithmetic<T> gradient_scale, ConstSums<T> gradient, Sums<T> m,
                    Sums<T> v, Sums<T> master, Out<T> parameters) override {
    forerun::adamw_update<T>(how, step, gradient_scale, gradient, m, v, master, parameters);
  }

 private:
  double losses_ = 0;
};

template <class T>
class CpuOperators final : public Operators<T>,
                           public CpuProducts<T>,
                           public CpuNorms<T>,
                           public CpuElementwise<T>,
                           public CpuTokens<T>,
                           public CpuAttention<T>,
                           public CpuTraining<T> {};

}  // namespace

template <class T>
std::unique_ptr<Operators<T>> make_cpu_operators() {
  return std::make_unique<CpuOperators<T>>();
}
template std::unique_ptr<Operators<double>> make_cpu_operators();
template std::unique_ptr<Operators<float>> make_cpu_operators();
template std::unique_ptr<Operators<BFloat16>> make_cpu_operators();

}  // namespace forerun

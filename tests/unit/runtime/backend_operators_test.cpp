// Does every backend do what the CPU's functions do, operator by operator, in each number type?
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <numeric>
#include <vector>

#include "runtime/cpu/activations.hpp"
#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/embedding.hpp"
#include "runtime/cpu/expert_order.hpp"
#include "runtime/cpu/norms.hpp"
#include "tests/support/every_backend.hpp"

namespace forerun {
namespace {

using namespace test;

constexpr double epsilon = 1e-5;

class BackendOperators : public Backends {};
INSTANTIATE_TEST_SUITE_P(, BackendOperators, every_backend, name_of_backend);

// --- products ---

template <class T>
double at(const std::vector<T>& list, Turn turn, std::int64_t row, std::int64_t column, std::int64_t stride) {
  if (turn == Turn::transposed) std::swap(row, column);
  return static_cast<double>(list[static_cast<std::size_t>(row * stride + column)]);
}

TEST_P(BackendOperators, MultiplyMatricesOfAnyTurnAndStride) {
  in_each_number([&](auto number) {
    using T = decltype(number);
    using A = Arithmetic<T>;
    for (const auto [m, n, k] :
         {std::array<std::int64_t, 3>{1, 1, 1}, {5, 7, 3}, {64, 40, 48}, {1, 33, 9}, {3, 2, 0}, {0, 4, 2}, {4, 0, 2}}) {
      for (const Turn turn_a : {Turn::as_is, Turn::transposed}) {
        for (const Turn turn_b : {Turn::as_is, Turn::transposed}) {
          SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k));
          const std::int64_t stride_a = std::max(m, k) + 2, stride_b = std::max(n, k) + 1, stride_c = n + 3;
          const auto a = drawn<T>(stride_a * std::max(m, k)), b = drawn<T>(stride_b * std::max(n, k));
          auto c = drawn<T>(stride_c * m);
          auto sums = drawn<A>(stride_c * m);
          table<T>().product(turn_a, turn_b, m, n, k, a.rows_in(stride_a), b.rows_in(stride_b), c.rows_out(stride_c));
          table<T>().add_product(turn_a, turn_b, m, n, k, a.rows_in(stride_a), b.rows_in(stride_b),
                                 sums.rows_out(stride_c));
          for (std::int64_t i = 0; i < m; ++i) {
            for (std::int64_t j = 0; j < n; ++j) {
              double sum = 0;
              for (std::int64_t l = 0; l < k; ++l)
                sum += at(a.host, turn_a, i, l, stride_a) * at(b.host, turn_b, l, j, stride_b);
              const auto place = static_cast<std::size_t>(i * stride_c + j);
              c.host[place] = T(static_cast<A>(sum));
              sums.host[place] += static_cast<A>(sum);
            }
          }
          expect_same(c, "product");  // and what lies between its rows is left alone
          expect_same(sums, "sums");
        }
      }
    }
  });
}

TEST_P(BackendOperators, MultiplyLinearLayers) {
  in_each_number([&](auto number) {
    using T = decltype(number);
    const LinearShape s{.rows = 6, .in = 9, .out = 4};
    const auto x = drawn<T>(s.rows * s.in), w = drawn<T>(s.in * s.out), dy = drawn<T>(s.rows * s.out);
    auto y = blank<T>(s.rows * s.out), dx = blank<T>(s.rows * s.in);
    auto dw = drawn<Arithmetic<T>>(s.in * s.out);
    table<T>().linear_forward(s, x.in(), w.in(), y.out());
    table<T>().linear_input_gradient(s, dy.in(), w.in(), dx.out());
    table<T>().linear_weight_gradient(s, x.in(), dy.in(), dw.out());
    using A = Arithmetic<T>;
    const Matrix<const T> rows_in{x.host.data(), s.in}, weights{w.host.data(), s.out}, gradients{dy.host.data(), s.out};
    multiply(Turn::as_is, Turn::as_is, s.rows, s.out, s.in, A(1), rows_in, weights, A(0),
             Matrix<T>{y.host.data(), s.out});
    multiply(Turn::as_is, Turn::transposed, s.rows, s.in, s.out, A(1), gradients, weights, A(0),
             Matrix<T>{dx.host.data(), s.in});
    multiply(Turn::transposed, Turn::as_is, s.in, s.out, s.rows, A(1), rows_in, gradients, A(1),
             Matrix<A>{dw.host.data(), s.out});
    expect_same(y, "y"), expect_same(dx, "dx"), expect_same(dw, "dw");
  });
}

// --- norms ---

TEST_P(BackendOperators, NormaliseByRms) {
  in_each_number_and_shape([&](auto number, Shape s) {
    using T = decltype(number);
    const auto x = drawn<T>(s.rows * s.width), w = drawn<T>(s.width), dy = drawn<T>(s.rows * s.width);
    auto y = blank<T>(s.rows * s.width), dx = blank<T>(s.rows * s.width);
    auto dw = drawn<Arithmetic<T>>(s.width);
    table<T>().rms_norm_forward(epsilon, x.in(), w.in(), y.out());
    table<T>().rms_norm_backward(epsilon, x.in(), w.in(), dy.in(), dx.out(), dw.out());
    rms_norm_forward<T>(epsilon, x.host, w.host, y.host);
    rms_norm_backward<T>(epsilon, x.host, w.host, dy.host, dx.host, dw.host);
    expect_same(y, "y"), expect_same(dw, "dw");
    if (s.width > 1) expect_same(dx, "dx");  // of one number, it is a difference of equals
  });
}

TEST_P(BackendOperators, NormaliseLayersWithAndWithoutABias) {
  in_each_number_and_shape([&](auto number, Shape s) {
    using T = decltype(number);
    if (s.width < 3)
      return;  // of two numbers, LayerNorm knows only which is larger: gradients are differences of equals
    for (const bool biased : {true, false}) {
      const auto x = drawn<T>(s.rows * s.width), w = drawn<T>(s.width), b = drawn<T>(biased ? s.width : 0),
                 dy = drawn<T>(s.rows * s.width);
      auto y = blank<T>(s.rows * s.width), dx = blank<T>(s.rows * s.width);
      auto dw = drawn<Arithmetic<T>>(s.width), db = drawn<Arithmetic<T>>(biased ? s.width : 0);
      table<T>().layer_norm_forward(epsilon, x.in(), w.in(), b.in(), y.out());
      table<T>().layer_norm_backward(epsilon, x.in(), w.in(), dy.in(), dx.out(), dw.out(), db.out());
      layer_norm_forward<T>(epsilon, x.host, w.host, b.host, y.host);
      layer_norm_backward<T>(epsilon, x.host, w.host, dy.host, dx.host, dw.host, db.host);
      expect_same(y, "y"), expect_same(dx, "dx"), expect_same(dw, "dw"), expect_same(db, "db");
    }
  });
}

// --- activations ---

TEST_P(BackendOperators, Activate) {
  in_each_number_and_shape([&](auto number, Shape s) {
    using T = decltype(number);
    const std::int64_t count = s.rows * s.width;
    auto pairs = numbers<T>(2 * count);
    for (auto& value : pairs) value = T(10 * static_cast<float>(value));  // both tails, too
    const Tensor<T> x(on(), pairs);
    const auto dy = drawn<T>(count), both = drawn<T>(2 * count);
    auto y = blank<T>(count), dx = blank<T>(2 * count), gelu = blank<T>(2 * count), dgelu = blank<T>(2 * count);
    table<T>().swiglu_forward(s.width, x.in(), y.out());
    table<T>().swiglu_backward(s.width, x.in(), dy.in(), dx.out());
    table<T>().gelu_forward(x.in(), gelu.out());
    table<T>().gelu_backward(x.in(), both.in(), dgelu.out());
    swiglu_forward<T>(s.width, x.host, y.host);
    swiglu_backward<T>(s.width, x.host, dy.host, dx.host);
    gelu_forward<T>(x.host, gelu.host);
    gelu_backward<T>(x.host, both.host, dgelu.host);
    expect_same(y, "swiglu"), expect_same(dx, "swiglu's gradient"), expect_same(gelu, "gelu"),
        expect_same(dgelu, "gelu's gradient");
  });
}

// --- sums, formats, rows ---

TEST_P(BackendOperators, AddAndChangeFormats) {
  in_each_number([&](auto number) {
    using T = decltype(number);
    using A = Arithmetic<T>;
    for (const std::int64_t count : {0, 1, 100, 5000}) {  // 5000: three tiles
      const auto a = drawn<T>(count);
      const auto wide = drawn<A>(count);
      auto b = drawn<T>(count), sum = blank<T>(count), narrow_one = blank<T>(count);
      auto sums = drawn<A>(count), all = blank<A>(count), filled = blank<A>(count);
      table<T>().add(a.in(), b.in(), sum.out());
      table<T>().add(a.in(), b.in(), b.out());  // in place
      table<T>().add_sums(wide.in(), sums.in(), all.out());
      table<T>().fill_sums(A(-3), filled.out());
      table<T>().narrow(wide.in(), narrow_one.out());
      add<T>(a.host, b.host, sum.host);
      add<T>(a.host, b.host, b.host);
      add<A>(wide.host, sums.host, all.host);
      std::ranges::fill(filled.host, A(-3));
      narrow<T>(wide.host, narrow_one.host);
      expect_same(sum, "sum"), expect_same(b, "sum in place"), expect_same(all, "sum of sums");
      expect_same(filled, "filled"), expect_same(narrow_one, "narrow");
    }
  });
}

TEST_P(BackendOperators, AddRowsOfMatrices) {
  in_each_number_and_shape([&](auto number, Shape s) {
    using T = decltype(number);
    const std::int64_t stride = s.width + 3, wider = s.width + 5;
    const auto x = drawn<T>(s.rows * stride);
    auto sum = drawn<T>(s.rows * wider);
    table<T>().add_rows_of(s.rows, s.width, x.rows_in(stride), sum.rows_out(wider));
    for (std::int64_t i = 0; i < s.rows; ++i) {
      for (std::int64_t j = 0; j < s.width; ++j) {
        T& to = sum.host[static_cast<std::size_t>(i * wider + j)];
        to = T(Arithmetic<T>(to) + Arithmetic<T>(x.host[static_cast<std::size_t>(i * stride + j)]));
      }
    }
    expect_same(sum, "sum");
  });
}

TEST_P(BackendOperators, GatherRows) {
  in_each_number_and_shape([&](auto number, Shape s) {
    using T = decltype(number);
    const auto x = drawn<T>(4 * s.width);
    const Ints index = indices(s.rows, 0, 4);
    auto y = blank<T>(s.rows * s.width);
    table<T>().gather_rows(s.width, x.in(), index, y.out());
    gather_rows<T>(s.width, x.host, index, y.host);
    EXPECT_EQ(y.there(), y.host);
  });
}

TEST_P(BackendOperators, LookUpTokensAndAddTheirGradientsInOrder) {
  in_each_number_and_shape([&](auto number, Shape s) {
    using T = decltype(number);
    const auto rows = drawn<T>(5 * s.width), dy = drawn<T>(s.rows * s.width);
    const Ints tokens = indices(s.rows, 8, 18);  // this rank has 10 to 14
    auto y = blank<T>(s.rows * s.width);
    auto gradient = drawn<Arithmetic<T>>(5 * s.width);
    table<T>().embedding_forward(s.width, 10, tokens, rows.in(), y.out());
    table<T>().embedding_weight_gradient(s.width, 10, tokens, dy.in(), gradient.out());
    embedding_forward<T>(s.width, 10, tokens, rows.host, y.host);
    embedding_weight_gradient<T>(s.width, 10, tokens, dy.host, gradient.host);
    EXPECT_EQ(y.there(), y.host);
    EXPECT_EQ(gradient.there(), gradient.host);
  });
}

// --- rotary positions ---

TEST_P(BackendOperators, TurnPositionsThereAndBack) {
  in_each_number([&](auto number) {
    using T = decltype(number);
    for (const RotaryShape s :
         {RotaryShape{.rows = 0, .heads = 1, .head_dim = 2}, {.rows = 6, .heads = 3, .head_dim = 10}}) {
      const Ints positions{0, 4, 9};  // rows 3 to 5 are a second sequence
      std::vector<Arithmetic<T>> angles(positions.size() * static_cast<std::size_t>(s.head_dim));
      fill_rotary_table<Arithmetic<T>>(100, s.head_dim, positions, angles);
      const Tensor<Arithmetic<T>> turns(on(), angles);
      const std::int64_t stride = s.heads * s.head_dim + 4;
      auto x = drawn<T>(s.rows * stride), y = drawn<T>(s.rows * stride);
      table<T>().rotary_forward(s, turns.in(), x.rows_in(stride), y.rows_out(stride));
      table<T>().rotary_backward(s, turns.in(), x.rows_in(stride), x.rows_out(stride));  // in place
      rotary_forward<T>(s, turns.host, x.host_rows(stride), y.host_rows(stride));
      rotary_backward<T>(s, turns.host, x.host_rows(stride), x.host_rows(stride));
      expect_same(y, "forward"), expect_same(x, "backward");
    }
  });
}

// --- experts ---

TEST_P(BackendOperators, RouteTokensWithTheLowerNumberFirstAmongEquals) {
  in_each_number([&](auto number) {
    using T = decltype(number);
    using A = Arithmetic<T>;
    for (const RouterShape s : {RouterShape{.rows = 0, .experts = 3, .top_k = 1, .renormalise = true},
                                {.rows = 20, .experts = 5, .top_k = 2, .renormalise = true},
                                {.rows = 9, .experts = 40, .top_k = 4, .renormalise = false},
                                {.rows = 3, .experts = 2, .top_k = 2, .renormalise = true}}) {
      auto drawn_logits = numbers<T>(s.rows * s.experts);
      for (auto& logit : drawn_logits)
        logit = T(std::round(4 * static_cast<float>(logit)) / 4);  // of nine values: many are equal
      const Tensor<T> logits(on(), drawn_logits);
      const std::int64_t choices = s.rows * s.top_k;
      const auto dweights = drawn<A>(choices);
      auto scores = blank<A>(s.rows * s.experts), weights = blank<A>(choices);
      Tensor<std::int32_t> chosen(on(), Ints(static_cast<std::size_t>(choices), -1));
      auto dlogits = blank<T>(s.rows * s.experts);
      table<T>().router_forward(s, logits.in(), scores.out(), chosen.out(), weights.out());
      table<T>().router_backward(s, scores.in(), chosen.in(), dweights.in(), dlogits.out());
      router_forward<T>(s, logits.host, scores.host, chosen.host, weights.host);
      router_backward<T>(s, scores.host, chosen.host, dweights.host, dlogits.host);
      EXPECT_EQ(chosen.there(), chosen.host);
      expect_same(scores, "scores"), expect_same(weights, "weights"), expect_same(dlogits, "dlogits");
    }
  });
}

TEST_P(BackendOperators, ChooseAnExpertThatExistsWhereNoScoreIsANumber) {
  const RouterShape s{.rows = 1, .experts = 3, .top_k = 2};
  const Tensor<float> logits(on(), std::vector<float>(3, std::numeric_limits<float>::quiet_NaN()));
  auto scores = blank<float>(3), weights = blank<float>(2);
  const Tensor<std::int32_t> chosen(on(), Ints(2, -1));
  table<float>().router_forward(s, logits.in(), scores.out(), chosen.out(), weights.out());
  EXPECT_EQ(chosen.there(), (Ints{0, 1}));
}

TEST_P(BackendOperators, CombineExperts) {
  in_each_number_and_shape([&](auto number, Shape s) {
    using T = decltype(number);
    using A = Arithmetic<T>;
    constexpr int experts = 4, top_k = 2;
    Ints chosen;
    for (const std::int32_t first : indices(s.rows, 0, experts))
      chosen.push_back(first), chosen.push_back((first + 1) % experts);
    const ExpertOrder order = order_by_expert(experts, top_k, chosen);
    const Tensor<std::int32_t> place(on(), order.place);
    const auto x = drawn<T>(s.rows * top_k * s.width), dy = drawn<T>(s.rows * s.width);
    const auto weights = drawn<A>(s.rows * top_k);
    auto y = blank<T>(s.rows * s.width), dx = blank<T>(s.rows * top_k * s.width);
    auto dweights = blank<A>(s.rows * top_k);
    table<T>().combine_forward(s.width, top_k, x.in(), place.in(), weights.in(), y.out());
    table<T>().combine_backward(s.width, top_k, x.in(), place.in(), weights.in(), dy.in(), dx.out(), dweights.out());
    combine_forward<T>(s.width, top_k, x.host, place.host, weights.host, y.host);
    combine_backward<T>(s.width, top_k, x.host, place.host, weights.host, dy.host, dx.host, dweights.host);
    expect_same(y, "y"), expect_same(dx, "dx"), expect_same(dweights, "dweights");
  });
}

// --- attention ---

TEST_P(BackendOperators, Attend) {
  in_each_number([&](auto number) {
    using T = decltype(number);
    using A = Arithmetic<T>;
    for (const AttentionShape s :
         {AttentionShape{
              .sequences = 1, .queries = 1, .keys = 1, .heads = 1, .kv_heads = 1, .head_dim = 2, .value_dim = 2},
          {.sequences = 2, .queries = 70, .keys = 80, .heads = 4, .kv_heads = 2, .head_dim = 16, .value_dim = 8},
          {.sequences = 1,
           .queries = 9,
           .keys = 33,
           .heads = 2,
           .kv_heads = 2,
           .head_dim = 64,
           .value_dim = 64,
           .window = 5}}) {
      const std::int64_t of_q = s.heads * s.head_dim, of_k = s.kv_heads * s.head_dim, of_v = s.kv_heads * s.value_dim,
                         of_out = s.heads * s.value_dim;
      const std::int64_t q_rows = s.sequences * s.queries, k_rows = s.sequences * s.keys;
      const auto q = drawn<T>(q_rows * of_q), k = drawn<T>(k_rows * of_k), v = drawn<T>(k_rows * of_v),
                 dout = drawn<T>(q_rows * of_out);
      Ints query_positions(static_cast<std::size_t>(s.queries)), key_positions(static_cast<std::size_t>(s.keys));
      std::iota(query_positions.begin(), query_positions.end(), 3);
      std::iota(key_positions.begin(), key_positions.end(), 3);
      const std::int64_t room = table<T>().attention_scratch(s);
      EXPECT_LE(room, attention_scratch<T>(s));
      auto scratch = blank<A>(room), log_sums = blank<A>(q_rows * s.heads), sum = drawn<A>(q_rows * of_out),
           sum_log_sums = drawn<A>(q_rows * s.heads);
      auto out = blank<T>(q_rows * of_out), dq = drawn<T>(q_rows * of_q), dk = drawn<T>(k_rows * of_k),
           dv = drawn<T>(k_rows * of_v);
      const AttentionInput<T> in{q.rows_in(of_q), k.rows_in(of_k), v.rows_in(of_v), query_positions, key_positions};
      auto& table_of = table<T>();
      table_of.attention_forward(s, in, out.rows_out(of_out), log_sums.out(), scratch.out());
      table_of.merge_attention(s, out.rows_in(of_out), log_sums.in(), sum.out(), sum_log_sums.out());
      table_of.attention_backward(s, in, out.rows_in(of_out), log_sums.in(), dout.rows_in(of_out), dq.rows_out(of_q),
                                  dk.rows_out(of_k), dv.rows_out(of_v), scratch.out());
      const auto rows = [](const std::vector<T>& list, std::int64_t stride) {
        return Matrix<const T>{list.data(), stride};
      };
      const AttentionInput<T> on_host{rows(q.host, of_q), rows(k.host, of_k), rows(v.host, of_v), query_positions,
                                      key_positions};
      std::vector<A> host_scratch(static_cast<std::size_t>(attention_scratch<T>(s)));
      attention_forward<T>(s, on_host, out.host_rows(of_out), log_sums.host, host_scratch);
      merge_attention<T>(s, out.host_rows(of_out), log_sums.host, sum.host, sum_log_sums.host);
      attention_backward<T>(s, on_host, out.host_rows(of_out), log_sums.host, rows(dout.host, of_out),
                            dq.host_rows(of_q), dk.host_rows(of_k), dv.host_rows(of_v), host_scratch);
      expect_same(out, "out"), expect_same(log_sums, "log-sum-exp"), expect_same(sum, "merged"),
          expect_same(sum_log_sums, "merged log-sum-exp");
      expect_same(dq, "dq"), expect_same(dk, "dk"), expect_same(dv, "dv");
    }
  });
}

// --- the loss ---

TEST_P(BackendOperators, FindTheLossOverSlices) {
  in_each_number_and_shape([&](auto number, Shape s) {
    using T = decltype(number);
    using A = Arithmetic<T>;
    const auto logits = drawn<T>(s.rows * s.width);
    const Ints targets = indices(s.rows, 5, 10 + static_cast<std::int32_t>(s.width));  // this slice has those from 8 on
    auto exponentials = blank<A>(s.rows * s.width);
    using Statistics = LossStatistics<A>;
    // Slice 1 of 2; the other's largest, sum and target are made up.
    std::vector<Statistics> made_up;
    for (std::int64_t i = 0; i < 2 * s.rows; ++i) made_up.push_back({A(0.1) * static_cast<A>(i % 7), A(2), A(-0.5)});
    Tensor<Statistics> statistics(on(), made_up);
    auto dlogits = blank<T>(s.rows * s.width);
    const auto n = static_cast<std::size_t>(s.rows);
    auto losses = blank<A>(s.rows);
    table<T>().cross_entropy_forward(8, logits.in(), targets, exponentials.out(), statistics.out().subspan(n));
    table<T>().cross_entropy_backward(8, 1, A(0.25), exponentials.in(), statistics.in(), targets, dlogits.out());
    table<T>().add_losses(statistics.in(), losses.out());
    table<T>().add_losses(statistics.in(), losses.out());
    cross_entropy_forward<T>(8, logits.host, targets, exponentials.host, std::span(statistics.host).subspan(n));
    cross_entropy_backward<T>(8, 1, A(0.25), exponentials.host, statistics.host, targets, dlogits.host);
    cross_entropy_losses<A>(statistics.host, losses.host);
    expect_same(exponentials, "exponentials"), expect_same(dlogits, "dlogits"), expect_same(losses, "losses");
    const auto found = statistics.there();
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].largest, statistics.host[i].largest);
      EXPECT_EQ(found[i].target, statistics.host[i].target);
      EXPECT_NEAR(found[i].sum / statistics.host[i].sum, 1, tolerance<A>);
    }
    double sum = 0;
    for (const A loss : losses.host) sum += 2 * static_cast<double>(loss);
    EXPECT_NEAR(table<T>().take_losses(), sum, tolerance<A> * (1 + sum));
    EXPECT_EQ(table<T>().take_losses(), 0);
  });
}

// --- the optimiser ---

TEST_P(BackendOperators, TakeStepsOfAdamW) {
  in_each_number([&](auto number) {
    using T = decltype(number);
    using A = Arithmetic<T>;
    for (const std::int64_t count : {0, 1, 3000}) {
      const auto gradient = drawn<A>(count);
      auto m = drawn<A>(count), master = drawn<A>(count);
      std::vector<A> squares = numbers<A>(count);
      for (A& v : squares) v = std::abs(v);
      Tensor<A> v(on(), squares);
      auto parameters = blank<T>(count);
      const AdamW how{.rate = 0.1, .decay = 0.2};
      const auto step = [&](std::int64_t number_of, std::span<T> there, std::span<T> here) {
        table<T>().adamw_update(how, number_of, A(0.5), gradient.in(), m.out(), v.out(), master.out(), there);
        adamw_update<T>(how, number_of, A(0.5), gradient.host, m.host, v.host, master.host, here);
      };
      step(1, parameters.out(), parameters.host);
      step(2, {}, {});
      if constexpr (std::is_same_v<T, A>) step(3, master.out(), master.host);
      expect_same(m, "m"), expect_same(v, "v"), expect_same(master, "master"), expect_same(parameters, "parameters");
    }
  });
}

}  // namespace
}  // namespace forerun

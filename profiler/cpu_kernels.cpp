#include "profiler/cpu_kernels.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <memory>
#include <numeric>

#include "profiler/random.hpp"
#include "runtime/activations.hpp"
#include "runtime/adamw.hpp"
#include "runtime/attention.hpp"
#include "runtime/cross_entropy.hpp"
#include "runtime/elementwise.hpp"
#include "runtime/embedding.hpp"
#include "runtime/instantiate.hpp"
#include "runtime/linear.hpp"
#include "runtime/norms.hpp"
#include "runtime/rotary.hpp"

namespace forerun {
namespace {

constexpr double epsilon = 1e-5;

std::shared_ptr<std::vector<std::int32_t>> drawn(std::int64_t count, std::int64_t below) {
  Random random(static_cast<std::uint64_t>(count));
  auto list = std::make_shared<std::vector<std::int32_t>>(static_cast<std::size_t>(count));
  for (std::int32_t& n : *list) n = static_cast<std::int32_t>(random.below(below));
  return list;
}

// Of a loss's rows over one slice of the vocabulary.
template <class A>
std::shared_ptr<std::vector<LossStatistics<A>>> statistics(std::int64_t rows) {
  return std::make_shared<std::vector<LossStatistics<A>>>(static_cast<std::size_t>(rows), LossStatistics<A>{0, 1, 0});
}

template <class T>
Recipe<T> linear(const KernelCase& c) {
  const auto& g = std::get<Gemm>(c.kernel);
  if (c.operation == "linear_forward") {
    return {{g.m * g.k}, {g.k * g.n}, {g.m * g.n}, {}, [s = LinearShape{g.m, g.k, g.n}](const Operands<T>& o) { linear_forward<T>(s, o.warm[0], o.cold[0], o.out[0]); }};
  }
  if (c.operation == "linear_input_gradient") {
    return {{g.m * g.k}, {g.k * g.n}, {g.m * g.n}, {}, [s = LinearShape{g.m, g.n, g.k}](const Operands<T>& o) { linear_input_gradient<T>(s, o.warm[0], o.cold[0], o.out[0]); }};
  }
  assert(c.operation == "linear_weight_gradient");
  return {{g.k * g.n}, {g.m * g.k}, {}, {g.m * g.n},
          [s = LinearShape{g.k, g.m, g.n}](const Operands<T>& o) { linear_weight_gradient<T>(s, o.cold[0], o.warm[0], o.sums[0]); }};
}

template <class T>
struct AttentionCase {
  AttentionShape shape;
  std::vector<std::int32_t> positions;
  std::int64_t q, k, v, o;  // elements a row
  explicit AttentionCase(const FusedAttention& a)
      : shape{.sequences = a.sequences, .queries = a.q_len, .keys = a.kv_len, .heads = a.heads, .kv_heads = a.kv_heads, .head_dim = a.head_dim, .value_dim = a.value_dim},
        positions(static_cast<std::size_t>(a.kv_len)), q(std::int64_t{a.heads} * a.head_dim), k(std::int64_t{a.kv_heads} * a.head_dim),
        v(std::int64_t{a.kv_heads} * a.value_dim), o(std::int64_t{a.heads} * a.value_dim) {
    std::iota(positions.begin(), positions.end(), 0);
  }
  [[nodiscard]] AttentionInput<T> input(std::span<const T> qs, std::span<const T> ks, std::span<const T> vs) const {
    const std::span<const std::int32_t> all(positions);
    return {{qs.data(), q}, {ks.data(), k}, {vs.data(), v}, all.last(static_cast<std::size_t>(shape.queries)), all};
  }
};

template <class T>
Recipe<T> attention(const KernelCase& c) {
  const auto& a = std::get<FusedAttention>(c.kernel);
  const auto in = std::make_shared<AttentionCase<T>>(a);
  const std::int64_t queries = a.sequences * a.q_len, keys = a.sequences * a.kv_len, scratch = attention_scratch<T>(in->shape);
  const std::int64_t softmax = queries * a.heads;
  if (!a.backward) {
    return {{queries * in->q, keys * in->k, keys * in->v}, {}, {queries * in->o}, {softmax, scratch}, [in](const Operands<T>& o) {
              attention_forward<T>(in->shape, in->input(o.warm[0], o.warm[1], o.warm[2]), {o.out[0].data(), in->o}, o.sums[0], o.sums[1]);
            }};
  }
  return {{queries * in->o}, {queries * in->q, keys * in->k, keys * in->v, queries * in->o}, {queries * in->q, keys * in->k, keys * in->v}, {softmax, scratch},
          [in](const Operands<T>& o) {
            std::fill(o.sums[0].begin(), o.sums[0].end(), Arithmetic<T>(8));  // of a few thousand keys; a forward pass would leave it so
            attention_backward<T>(in->shape, in->input(o.cold[0], o.cold[1], o.cold[2]), {o.cold[3].data(), in->o}, o.sums[0], {o.warm[0].data(), in->o},
                                  {o.out[0].data(), in->q}, {o.out[1].data(), in->k}, {o.out[2].data(), in->v}, o.sums[1]);
          }};
}

template <class T>
using Streams = std::map<std::string, Recipe<T> (*)(const KernelCase&)>;

template <class T>
const Streams<T>& streams() {
  using O = const Operands<T>&;
  using C = const KernelCase&;
  using A = Arithmetic<T>;
  static const Streams<T> all{
      {"rms_norm_forward", [](C c) { return Recipe<T>{{c.rows * c.width}, {c.width}, {c.rows * c.width}, {}, [](O o) { rms_norm_forward<T>(epsilon, o.warm[0], o.cold[0], o.out[0]); }}; }},
      {"layer_norm_forward",
       [](C c) { return Recipe<T>{{c.rows * c.width}, {c.width, c.width}, {c.rows * c.width}, {}, [](O o) { layer_norm_forward<T>(epsilon, o.warm[0], o.cold[0], o.cold[1], o.out[0]); }}; }},
      {"rms_norm_backward",
       [](C c) {
         return Recipe<T>{{c.rows * c.width}, {c.rows * c.width, c.width}, {c.rows * c.width}, {c.width},
                          [](O o) { rms_norm_backward<T>(epsilon, o.cold[0], o.cold[1], o.warm[0], o.out[0], o.sums[0]); }};
       }},
      {"layer_norm_backward",
       [](C c) {
         return Recipe<T>{{c.rows * c.width}, {c.rows * c.width, c.width}, {c.rows * c.width}, {c.width, c.width},
                          [](O o) { layer_norm_backward<T>(epsilon, o.cold[0], o.cold[1], o.warm[0], o.out[0], o.sums[0], o.sums[1]); }};
       }},
      {"add", [](C c) { return Recipe<T>{{c.rows * c.width}, {c.rows * c.width}, {c.rows * c.width}, {}, [](O o) { add<T>(o.warm[0], o.cold[0], o.out[0]); }}; }},
      {"accumulate", [](C c) { return Recipe<T>{{c.rows * c.width}, {}, {}, {c.rows * c.width}, [](O o) { accumulate<T>(o.warm[0], o.sums[0]); }}; }},
      {"swiglu_forward",
       [](C c) { return Recipe<T>{{2 * c.rows * c.width}, {}, {c.rows * c.width}, {}, [w = c.width](O o) { swiglu_forward<T>(w, o.warm[0], o.out[0]); }}; }},
      {"swiglu_backward",
       [](C c) {
         return Recipe<T>{{c.rows * c.width}, {2 * c.rows * c.width}, {2 * c.rows * c.width}, {}, [w = c.width](O o) { swiglu_backward<T>(w, o.cold[0], o.warm[0], o.out[0]); }};
       }},
      {"gelu_forward", [](C c) { return Recipe<T>{{c.rows * c.width}, {}, {c.rows * c.width}, {}, [](O o) { gelu_forward<T>(o.warm[0], o.out[0]); }}; }},
      {"gelu_backward", [](C c) { return Recipe<T>{{c.rows * c.width}, {c.rows * c.width}, {c.rows * c.width}, {}, [](O o) { gelu_backward<T>(o.cold[0], o.warm[0], o.out[0]); }}; }},
      {"embedding_forward",
       [](C c) {
         return Recipe<T>{{}, {c.table * c.width}, {c.rows * c.width}, {}, [w = c.width, tokens = drawn(c.rows, c.table)](O o) { embedding_forward<T>(w, 0, *tokens, o.cold[0], o.out[0]); }};
       }},
      {"embedding_weight_gradient",
       [](C c) {
         return Recipe<T>{{c.rows * c.width}, {}, {}, {c.table * c.width},
                          [w = c.width, tokens = drawn(c.rows, c.table)](O o) { embedding_weight_gradient<T>(w, 0, *tokens, o.warm[0], o.sums[0]); }};
       }},
      {"cross_entropy_forward",
       [](C c) {
         return Recipe<T>{{c.rows * c.width}, {}, {}, {c.rows * c.width}, [targets = drawn(c.rows, c.width), told = statistics<A>(c.rows)](O o) {
                            cross_entropy_forward<T>(0, o.warm[0], *targets, o.sums[0], *told);
                          }};
       }},
      {"cross_entropy_backward",
       [](C c) {
         return Recipe<T>{{}, {}, {c.rows * c.width}, {c.rows * c.width}, [targets = drawn(c.rows, c.width), told = statistics<A>(c.rows)](O o) {
                            cross_entropy_backward<T>(0, 0, A(0.01), o.sums[0], *told, *targets, o.out[0]);
                          }};
       }},
      {"gather_rows",
       [](C c) { return Recipe<T>{{c.rows * c.width}, {}, {2 * c.rows * c.width}, {}, [w = c.width, index = drawn(2 * c.rows, c.rows)](O o) { gather_rows<T>(w, o.warm[0], *index, o.out[0]); }}; }},
      {"add_rows",
       [](C c) { return Recipe<T>{{2 * c.rows * c.width}, {}, {c.rows * c.width}, {}, [w = c.width, index = drawn(2 * c.rows, c.rows)](O o) { add_rows<T>(w, o.warm[0], *index, o.out[0]); }}; }},
      {"copy", [](C c) { return Recipe<T>{{}, {c.rows * c.width}, {c.rows * c.width}, {}, [](O o) { std::copy(o.cold[0].begin(), o.cold[0].end(), o.out[0].begin()); }}; }},
      {"adamw_update",
       [](C c) {
         const bool own = !std::is_same_v<T, A>;
         return Recipe<T>{{}, {}, {own ? c.rows : 0}, {c.rows, c.rows, c.rows, c.rows},
                          [](O o) { adamw_update<T>({}, 10, A(1), std::span<const A>(o.sums[0]), o.sums[1], o.sums[2], o.sums[3], o.out[0]); }};
       }},
  };
  return all;
}

// Heads of 64, as many as fill the width.
template <class T>
Recipe<T> rotary(const KernelCase& c) {
  const int head_dim = static_cast<int>(std::min<std::int64_t>(c.width, 64)), heads = static_cast<int>(c.width / head_dim);
  const std::int64_t stride = c.width;
  std::vector<std::int32_t> positions(static_cast<std::size_t>(std::min<std::int64_t>(c.rows, 512)));
  std::iota(positions.begin(), positions.end(), 0);
  const auto table = std::make_shared<std::vector<Arithmetic<T>>>(positions.size() * static_cast<std::size_t>(head_dim));
  fill_rotary_table<Arithmetic<T>>(10000, head_dim, positions, *table);
  const RotaryShape shape{.rows = c.rows, .heads = heads, .head_dim = head_dim};
  const bool backward = c.operation == "rotary_backward";
  return {{c.rows * stride}, {}, {c.rows * stride}, {}, [=](const Operands<T>& o) {
            const Matrix<const T> from{o.warm[0].data(), stride};
            const Matrix<T> to{o.out[0].data(), stride};
            backward ? rotary_backward<T>(shape, *table, from, to) : rotary_forward<T>(shape, *table, from, to);
          }};
}

}  // namespace

template <class T>
Recipe<T> recipe(const KernelCase& c) {
  if (std::holds_alternative<Gemm>(c.kernel)) return linear<T>(c);
  if (std::holds_alternative<FusedAttention>(c.kernel)) return attention<T>(c);
  if (c.operation.starts_with("rotary")) return rotary<T>(c);
  const auto found = streams<T>().find(c.operation);
  assert(found != streams<T>().end());
  return found->second(c);
}

#define FORERUN_RECIPE(T) template Recipe<T> recipe<T>(const KernelCase&);
FORERUN_FOR_EACH_NUMBER(FORERUN_RECIPE)

}  // namespace forerun

#include "profiler/recipes.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <memory>
#include <numeric>

#include "base/random.hpp"
#include "runtime/cpu/expert_order.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

constexpr double epsilon = 1e-5;

std::shared_ptr<std::vector<std::int32_t>> drawn(std::int64_t count, std::int64_t below) {
  Random random(static_cast<std::uint64_t>(count));
  auto list = std::make_shared<std::vector<std::int32_t>>(static_cast<std::size_t>(count));
  for (std::int32_t& n : *list) n = static_cast<std::int32_t>(random.below(below));
  return list;
}

// A copy in the backend's memory, as long as somebody holds it.
template <class A>
class Table {
 public:
  Table(Backend& on, const std::vector<A>& host)
      : size_(host.size()), bytes_(static_cast<std::int64_t>(host.size() * sizeof(A))) {
    data_ = {static_cast<A*>(on.take(bytes_)), [&on, bytes = bytes_](A* data) { on.give_back(data, bytes); }};
    on.put(host.data(), data_.get(), bytes_);
  }
  [[nodiscard]] std::span<A> all() const { return {data_.get(), size_}; }

 private:
  std::size_t size_;
  std::int64_t bytes_;
  std::shared_ptr<A> data_;
};

// Of a loss's rows over one slice of the vocabulary.
template <class A>
Table<LossStatistics<A>> statistics(Backend& on, std::int64_t rows) {
  return {on, std::vector<LossStatistics<A>>(static_cast<std::size_t>(rows), {0, 1, 0})};
}

constexpr int experts = 8, copies = 2;  // of which each row goes to two

// Two different ones, drawn.
ExpertOrder routed(std::int64_t rows) {
  Random random(static_cast<std::uint64_t>(rows));
  std::vector<std::int32_t> chosen;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t first = random.below(experts), other = (first + 1 + random.below(experts - 1)) % experts;
    chosen.insert(chosen.end(), {static_cast<std::int32_t>(first), static_cast<std::int32_t>(other)});
  }
  return order_by_expert(experts, copies, chosen);
}

template <class A>
Table<A> halves(Backend& on, std::int64_t rows) {
  return {on, std::vector<A>(static_cast<std::size_t>(copies * rows), A(0.5))};
}

template <class T>
Recipe<T> linear(const KernelCase& c) {
  const auto& g = std::get<Gemm>(c.kernel);
  if (c.operation == "linear_forward") {
    return {{g.m * g.k},
            {g.k * g.n},
            {g.m * g.n},
            {},
            [s = LinearShape{g.m, g.k, g.n}](Operators<T>& ops, const Operands<T>& o) {
              ops.linear_forward(s, o.warm[0], o.cold[0], o.out[0]);
            }};
  }
  if (c.operation == "linear_input_gradient") {
    return {{g.m * g.k},
            {g.k * g.n},
            {g.m * g.n},
            {},
            [s = LinearShape{g.m, g.n, g.k}](Operators<T>& ops, const Operands<T>& o) {
              ops.linear_input_gradient(s, o.warm[0], o.cold[0], o.out[0]);
            }};
  }
  assert(c.operation == "linear_weight_gradient");
  return {{g.k * g.n},
          {g.m * g.k},
          {},
          {g.m * g.n},
          [s = LinearShape{g.k, g.m, g.n}](Operators<T>& ops, const Operands<T>& o) {
            ops.linear_weight_gradient(s, o.cold[0], o.warm[0], o.sums[0]);
          }};
}

template <class T>
struct AttentionCase {
  AttentionShape shape;
  std::vector<std::int32_t> positions;
  std::int64_t q, k, v, o;  // elements a row
  explicit AttentionCase(const FusedAttention& a)
      : shape{.sequences = a.sequences,
              .queries = a.q_len,
              .keys = a.kv_len,
              .heads = a.heads,
              .kv_heads = a.kv_heads,
              .head_dim = a.head_dim,
              .value_dim = a.value_dim},
        positions(static_cast<std::size_t>(a.kv_len)),
        q(std::int64_t{a.heads} * a.head_dim),
        k(std::int64_t{a.kv_heads} * a.head_dim),
        v(std::int64_t{a.kv_heads} * a.value_dim),
        o(std::int64_t{a.heads} * a.value_dim) {
    std::iota(positions.begin(), positions.end(), 0);
  }
  [[nodiscard]] AttentionInput<T> input(std::span<const T> qs, std::span<const T> ks, std::span<const T> vs) const {
    const std::span<const std::int32_t> all(positions);
    return {{qs.data(), q}, {ks.data(), k}, {vs.data(), v}, all.last(static_cast<std::size_t>(shape.queries)), all};
  }
};

template <class T>
Recipe<T> attention(Backend& on, const KernelCase& c) {
  const auto& a = std::get<FusedAttention>(c.kernel);
  const auto in = std::make_shared<AttentionCase<T>>(a);
  const std::int64_t queries = a.sequences * a.q_len, keys = a.sequences * a.kv_len,
                     scratch = on.operators<T>().attention_scratch(in->shape);
  const std::int64_t softmax = queries * a.heads;
  if (!a.backward) {
    return {{queries * in->q, keys * in->k, keys * in->v},
            {},
            {queries * in->o},
            {softmax, scratch},
            [in](Operators<T>& ops, const Operands<T>& o) {
              ops.attention_forward(in->shape, in->input(o.warm[0], o.warm[1], o.warm[2]), {o.out[0].data(), in->o},
                                    o.sums[0], o.sums[1]);
            }};
  }
  // Of a few thousand keys; a forward pass would leave it so.
  const Table<Arithmetic<T>> log_sum_exp(on, std::vector<Arithmetic<T>>(static_cast<std::size_t>(softmax), 8));
  return {{queries * in->o},
          {queries * in->q, keys * in->k, keys * in->v, queries * in->o},
          {queries * in->q, keys * in->k, keys * in->v},
          {scratch},
          [in, log_sum_exp](Operators<T>& ops, const Operands<T>& o) {
            ops.attention_backward(in->shape, in->input(o.cold[0], o.cold[1], o.cold[2]), {o.cold[3].data(), in->o},
                                   log_sum_exp.all(), {o.warm[0].data(), in->o}, {o.out[0].data(), in->q},
                                   {o.out[1].data(), in->k}, {o.out[2].data(), in->v}, o.sums[0]);
          }};
}

std::int64_t all(const KernelCase& c) { return c.rows * c.width; }

template <class T>
using Streams = std::map<std::string, Recipe<T> (*)(Backend&, const KernelCase&)>;

// Rows by what they are for: each makes the recipe of one operator.
template <class T>
struct StreamRows {
  using R = Recipe<T>;
  using Ops = Operators<T>&;
  using O = const Operands<T>&;
  using On = Backend&;
  using C = const KernelCase&;
  using A = Arithmetic<T>;

  static Streams<T> norms() {
    return {
        {"rms_norm_forward",
         [](On, C c) -> R {
           return {{all(c)}, {c.width}, {all(c)}, {}, [](Ops ops, O o) {
                     ops.rms_norm_forward(epsilon, o.warm[0], o.cold[0], o.out[0]);
                   }};
         }},
        {"layer_norm_forward",
         [](On, C c) -> R {
           return {{all(c)}, {c.width, c.width}, {all(c)}, {}, [](Ops ops, O o) {
                     ops.layer_norm_forward(epsilon, o.warm[0], o.cold[0], o.cold[1], o.out[0]);
                   }};
         }},
        {"rms_norm_backward",
         [](On, C c) -> R {
           return {{all(c)}, {all(c), c.width}, {all(c)}, {c.width}, [](Ops ops, O o) {
                     ops.rms_norm_backward(epsilon, o.cold[0], o.cold[1], o.warm[0], o.out[0], o.sums[0]);
                   }};
         }},
        {"layer_norm_backward",
         [](On, C c) -> R {
           return {{all(c)}, {all(c), c.width}, {all(c)}, {c.width, c.width}, [](Ops ops, O o) {
                     ops.layer_norm_backward(epsilon, o.cold[0], o.cold[1], o.warm[0], o.out[0], o.sums[0], o.sums[1]);
                   }};
         }},
    };
  }
  static Streams<T> elementwise() {
    return {
        {"add",
         [](On, C c) -> R {
           return {{all(c)}, {all(c)}, {all(c)}, {}, [](Ops ops, O o) { ops.add(o.warm[0], o.cold[0], o.out[0]); }};
         }},
        {"add_in_place",
         [](On, C c) -> R {
           return {{}, {all(c)}, {all(c)}, {}, [](Ops ops, O o) { ops.add(o.out[0], o.cold[0], o.out[0]); }};
         }},
        {"swiglu_forward",
         [](On, C c) -> R {
           return {{2 * all(c)}, {}, {all(c)}, {}, [w = c.width](Ops ops, O o) {
                     ops.swiglu_forward(w, o.warm[0], o.out[0]);
                   }};
         }},
        {"swiglu_backward",
         [](On, C c) -> R {
           return {{all(c)}, {2 * all(c)}, {2 * all(c)}, {}, [w = c.width](Ops ops, O o) {
                     ops.swiglu_backward(w, o.cold[0], o.warm[0], o.out[0]);
                   }};
         }},
        {"gelu_forward",
         [](On, C c) -> R {
           return {{all(c)}, {}, {all(c)}, {}, [](Ops ops, O o) { ops.gelu_forward(o.warm[0], o.out[0]); }};
         }},
        {"gelu_backward",
         [](On, C c) -> R {
           return {{all(c)}, {all(c)}, {all(c)}, {}, [](Ops ops, O o) {
                     ops.gelu_backward(o.cold[0], o.warm[0], o.out[0]);
                   }};
         }},
        {"copy",
         [](On on, C c) -> R {
           return {{}, {all(c)}, {all(c)}, {}, [&on](Ops, O o) { copy<T>(on, o.cold[0], o.out[0]); }};
         }},
        {"adamw_update",
         [](On, C c) -> R {
           const bool own = !std::is_same_v<T, A>;
           return {{}, {}, {own ? c.rows : 0}, {c.rows, c.rows, c.rows, c.rows}, [](Ops ops, O o) {
                     ops.adamw_update({}, 10, A(1), std::span<const A>(o.sums[0]), o.sums[1], o.sums[2], o.sums[3],
                                      o.out[0]);
                   }};
         }},
    };
  }
  static Streams<T> embedding_and_loss() {
    return {
        {"embedding_forward",
         [](On, C c) -> R {
           return {{}, {c.table * c.width}, {all(c)}, {}, [w = c.width, tokens = drawn(c.rows, c.table)](Ops ops, O o) {
                     ops.embedding_forward(w, 0, *tokens, o.cold[0], o.out[0]);
                   }};
         }},
        {"embedding_weight_gradient",
         [](On, C c) -> R {
           return {{all(c)}, {}, {}, {c.table * c.width}, [w = c.width, tokens = drawn(c.rows, c.table)](Ops ops, O o) {
                     ops.embedding_weight_gradient(w, 0, *tokens, o.warm[0], o.sums[0]);
                   }};
         }},
        {"cross_entropy_forward",
         [](On on, C c) -> R {
           return {{all(c)},
                   {},
                   {},
                   {all(c)},
                   [targets = drawn(c.rows, c.width), told = statistics<A>(on, c.rows)](Ops ops, O o) {
                     ops.cross_entropy_forward(0, o.warm[0], *targets, o.sums[0], told.all());
                   }};
         }},
        {"cross_entropy_backward",
         [](On on, C c) -> R {
           return {{},
                   {},
                   {all(c)},
                   {all(c)},
                   [targets = drawn(c.rows, c.width), told = statistics<A>(on, c.rows)](Ops ops, O o) {
                     ops.cross_entropy_backward(0, 0, A(0.01), o.sums[0], told.all(), *targets, o.out[0]);
                   }};
         }},
    };
  }
  static Streams<T> experts() {
    return {
        {"dispatch_forward",
         [](On, C c) -> R {
           return {{all(c)}, {}, {copies * all(c)}, {}, [w = c.width, token = routed(c.rows).token](Ops ops, O o) {
                     ops.gather_rows(w, o.warm[0], token, o.out[0]);
                   }};
         }},
        {"combine_forward",
         [](On on, C c) -> R {
           return {
               {copies * all(c)},
               {},
               {all(c)},
               {},
               [w = c.width, place = Table(on, routed(c.rows).place), weights = halves<A>(on, c.rows)](Ops ops, O o) {
                 ops.combine_forward(w, copies, o.warm[0], place.all(), weights.all(), o.out[0]);
               }};
         }},
        {"dispatch_backward",
         [](On on, C c) -> R {
           return {{copies * all(c)},
                   {},
                   {all(c)},
                   {copies * c.rows},
                   [w = c.width, place = Table(on, routed(c.rows).place)](Ops ops, O o) {
                     ops.fill_sums(A(1), o.sums[0]);
                     ops.combine_forward(w, copies, o.warm[0], place.all(), std::span<const A>(o.sums[0]), o.out[0]);
                   }};
         }},
        {"combine_backward",
         [](On on, C c) -> R {
           return {
               {all(c)},
               {copies * all(c)},
               {copies * all(c)},
               {copies * c.rows},
               [w = c.width, place = Table(on, routed(c.rows).place), weights = halves<A>(on, c.rows)](Ops ops, O o) {
                 ops.combine_backward(w, copies, o.cold[0], place.all(), weights.all(), o.warm[0], o.out[0], o.sums[0]);
               }};
         }},
    };
  }
};

template <class T>
const Streams<T>& streams() {
  using Rows = StreamRows<T>;
  static const Streams<T> table = [] {
    Streams<T> all = Rows::norms();
    all.merge(Rows::elementwise());
    all.merge(Rows::embedding_and_loss());
    all.merge(Rows::experts());
    return all;
  }();
  return table;
}

// Heads of 64, or of the largest smaller power of two that fills the width.
template <class T>
Recipe<T> rotary(Backend& on, const KernelCase& c) {
  const int head_dim = static_cast<int>(std::gcd(c.width, std::int64_t{64})),
            heads = static_cast<int>(c.width / head_dim);
  const std::int64_t stride = c.width;
  std::vector<std::int32_t> positions(static_cast<std::size_t>(std::min<std::int64_t>(c.rows, 512)));
  std::iota(positions.begin(), positions.end(), 0);
  std::vector<Arithmetic<T>> angles(positions.size() * static_cast<std::size_t>(head_dim));
  fill_rotary_table<Arithmetic<T>>(10000, head_dim, positions, angles);
  const RotaryShape shape{.rows = c.rows, .heads = heads, .head_dim = head_dim};
  const bool backward = c.operation == "rotary_backward";
  return {{c.rows * stride},
          {},
          {c.rows * stride},
          {},
          [=, table = Table<Arithmetic<T>>(on, angles)](Operators<T>& ops, const Operands<T>& o) {
            const Matrix<const T> from{o.warm[0].data(), stride};
            const Matrix<T> to{o.out[0].data(), stride};
            backward ? ops.rotary_backward(shape, table.all(), from, to)
                     : ops.rotary_forward(shape, table.all(), from, to);
          }};
}

}  // namespace

template <class T>
Recipe<T> recipe(Backend& on, const KernelCase& c) {
  if (std::holds_alternative<Gemm>(c.kernel)) return linear<T>(c);
  if (std::holds_alternative<FusedAttention>(c.kernel)) return attention<T>(on, c);
  if (c.operation.starts_with("rotary")) return rotary<T>(on, c);
  const auto found = streams<T>().find(c.operation);
  assert(found != streams<T>().end());
  return found->second(on, c);
}

#define FORERUN_RECIPE(T) template Recipe<T> recipe<T>(Backend&, const KernelCase&);
FORERUN_FOR_EACH_NUMBER(FORERUN_RECIPE)

}  // namespace forerun

#include <limits>

#include "executor/ranks/attention_layout.hpp"
#include "executor/ranks/numbers/kernels.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

// Keys and values in memory: rows of `stride` elements, the keys first.
template <class U>
struct Keys {
  U* data = nullptr;
  std::int64_t stride = 0;
};

// Attention of the unit at work, sequence by sequence.
template <class T>
class AttentionAtWork {
 public:
  using A = Arithmetic<T>;

  explicit AttentionAtWork(KernelContext<T>& k) : k_(k), width_(row_widths(k.rank)), rows_(attention_rows(k.rank)) {}

  // Of a row of queries, keys and values.
  template <class U>
  [[nodiscard]] Keys<U> keys_in(std::span<U> qkv) const {
    return {qkv.data() + width_.queries, width_.all()};
  }
  // Of a rank of the context-parallel group in a tensor of the keys and values of all.
  template <class U>
  [[nodiscard]] Keys<U> keys_of(std::span<U> all, int owner) const {
    return {all.data() + owner * rows_ * width_.keys_and_values(), width_.keys_and_values()};
  }
  // Of the rank so many steps before this one on the ring.
  [[nodiscard]] int owner(int steps_back) const {
    return (k_.rank.at.cp - steps_back + k_.rank.plan.cp) % k_.rank.plan.cp;
  }

  // The output of all queries over the keys of one rank.
  void attend(std::span<const T> qkv, Keys<const T> keys, int owner, std::span<T> out, std::span<A> log_sum_exp) {
    for_each_run([&](Run& run) {
      k_.on.attention_forward(run.shape, run.input(qkv, keys, owner), run.queries_in(out),
                              run.part(log_sum_exp, run.shape.heads), scratch(run.shape));
    });
  }

  // The running result of pieces: in the workspace until the last of them.
  void start_sum() {
    k_.ring.sum = k_.rank.workspace.template take<A>(rows_ * width_.queries);
    k_.ring.log_sum_exp = k_.rank.workspace.template take<A>(rows_ * shape().heads);
    k_.rank.workspace.keep();
    clear(k_.rank.backend, k_.ring.sum);
    k_.on.fill_sums(-std::numeric_limits<A>::infinity(), k_.ring.log_sum_exp);
  }
  void add_piece(std::span<const T> qkv, Keys<const T> keys, int owner) {
    const std::int64_t used = k_.rank.workspace.used();
    const std::span<T> out = k_.rank.workspace.template take<T>(std::ssize(k_.ring.sum));
    const std::span<A> log_sum_exp = k_.rank.workspace.template take<A>(std::ssize(k_.ring.log_sum_exp));
    attend(qkv, keys, owner, out, log_sum_exp);
    for_each_run([&](Run& run) {
      const std::int64_t heads = run.shape.heads;
      k_.on.merge_attention(run.shape, run.queries_in(out), run.part(log_sum_exp, heads),
                            run.part(k_.ring.sum, width_.queries), run.part(k_.ring.log_sum_exp, heads));
    });
    k_.rank.workspace.go_back_to(used);
  }
  void finish_sum() {
    if (!k_.rank.cursor.writes().empty()) {
      k_.on.narrow(k_.ring.sum, k_.written(0));
      copy<A>(k_.rank.backend, k_.ring.log_sum_exp, k_.template written<A>(1));
    }
    k_.rank.workspace.let_go();
  }

  // Adds the gradients of this rank's queries (where all of them are added up) and of those keys and values.
  void attend_back(Keys<const T> keys, int owner, Keys<T> of_keys) {
    const std::span<T> dout = k_.read(0), qkv = k_.read(1), out = k_.read(2);
    const std::span<A> log_sum_exp = k_.template read<A>(3);
    for_each_run([&](Run& run) {
      T* const dk = of_keys.data + run.first_row * of_keys.stride;
      k_.on.attention_backward(run.shape, run.input(qkv, keys, owner), run.queries_in(out),
                               run.part(log_sum_exp, run.shape.heads), run.queries_in(dout),
                               {k_.ring.gradients.data() + run.first_row * width_.all(), width_.all()},
                               {dk, of_keys.stride}, {dk + width_.keys, of_keys.stride}, scratch(run.shape));
    });
  }
  void add_home(std::span<T> of_keys) {
    k_.on.add_rows_of(rows_, width_.keys_and_values(), {of_keys.data(), width_.keys_and_values()},
                      {keys_in(k_.ring.gradients).data, width_.all()});
  }

 private:
  // Equal sequences, and where their rows begin. It keeps the positions that an input refers to.
  struct Run {
    const AttentionAtWork& of;
    const SequenceRun& sequences;
    AttentionShape shape;
    std::int64_t first_row;
    std::vector<std::int32_t> query_positions = {}, key_positions = {};

    AttentionInput<T> input(std::span<const T> qkv, Keys<const T> keys, int owner) {
      const RankContext& rank = of.k_.rank;
      query_positions = attention_positions(rank, sequences, rank.at.cp);
      key_positions = attention_positions(rank, sequences, owner);
      const T* const k = keys.data + first_row * keys.stride;
      return {.q = {qkv.data() + first_row * of.width_.all(), of.width_.all()},
              .k = {k, keys.stride},
              .v = {k + of.width_.keys, keys.stride},
              .query_positions = query_positions,
              .key_positions = key_positions};
    }
    // In rows of one number a query and element.
    Matrix<T> queries_in(std::span<T> rows) const {
      return {rows.data() + first_row * of.width_.queries, of.width_.queries};
    }
    template <class U>
    std::span<U> part(std::span<U> all, std::int64_t width) const {
      return all.subspan(static_cast<std::size_t>(first_row * width),
                         static_cast<std::size_t>(shape.sequences * shape.queries * width));
    }
  };

  template <class Visit>
  void for_each_run(Visit visit) const {
    std::int64_t row = 0;
    for (const SequenceRun& run : k_.rank.sequences()) {
      const AttentionShape s = attention_shape(k_.rank, run);
      const std::int64_t used = k_.rank.workspace.used();
      Run at_work{*this, run, s, row};
      visit(at_work);
      k_.rank.workspace.go_back_to(used);
      row += s.sequences * s.queries;
    }
  }
  [[nodiscard]] AttentionShape shape() const { return attention_shape(k_.rank, k_.rank.sequences().front()); }
  [[nodiscard]] std::span<A> scratch(const AttentionShape& s) const {
    return k_.rank.workspace.template take<A>(k_.on.attention_scratch(s));
  }

  KernelContext<T>& k_;
  RowWidths width_;
  std::int64_t rows_;
};

}  // namespace

template <class T>
void AttentionKernels<T>::forward(KernelContext<T>& k, WeightKind) {
  const Computation& c = k.computation();
  AttentionAtWork<T> attention(k);
  if (is<JoinPieces>(c)) return attention.finish_sum();
  const std::span<const T> qkv = k.read(0);
  const Keys<const T> own = attention.keys_in(qkv);
  if (const RingPiece* piece = std::get_if<RingPiece>(&c.extent)) {
    const int owner = attention.owner(piece->steps_back);
    if (piece->steps_back > 0)
      return attention.add_piece(qkv, attention.template keys_of<const T>(k.read(1), 0), owner);
    attention.start_sum();
    return attention.add_piece(qkv, own, owner);
  }
  if (k.reads() == 1)
    return attention.attend(qkv, own, k.rank.at.cp, k.written(0), k.template written<Arithmetic<T>>(1));
  attention.start_sum();
  for (int owner = 0; owner < k.rank.plan.cp; ++owner)
    attention.add_piece(qkv, attention.template keys_of<const T>(k.read(1), owner), owner);
  attention.finish_sum();
}

template <class T>
void AttentionKernels<T>::input_gradient(KernelContext<T>& k, WeightKind) {
  const Computation& c = k.computation();
  AttentionAtWork<T> attention(k);
  if (is<JoinPieces>(c)) return attention.add_home(k.read(4));  // what the others made of this rank's keys
  const RingPiece* piece = std::get_if<RingPiece>(&c.extent);
  if (piece != nullptr && piece->steps_back > 0) {
    const std::span<T> gradients = k.written(0);
    clear(k.rank.backend, gradients);
    return attention.attend_back(attention.template keys_of<const T>(k.read(4), 0), attention.owner(piece->steps_back),
                                 attention.keys_of(gradients, 0));
  }
  k.ring.gradients = k.written(0);
  clear(k.rank.backend, k.ring.gradients);
  if (piece != nullptr || k.reads() == 4) {
    return attention.attend_back(attention.template keys_in<const T>(k.read(1)), k.rank.at.cp,
                                 attention.keys_in(k.ring.gradients));
  }
  const std::span<T> of_all = k.written(1);  // all keys and values are there
  clear(k.rank.backend, of_all);
  for (int owner = 0; owner < k.rank.plan.cp; ++owner)
    attention.attend_back(attention.template keys_of<const T>(k.read(4), owner), owner,
                          attention.keys_of(of_all, owner));
}

namespace {

// Of queries and keys; values go on as they are.
template <class T>
void turn(KernelContext<T>& k, bool back) {
  const Attention& a = *k.rank.block().attention();
  const int heads = a.heads / k.rank.plan.tp, kv_heads = a.kv_heads / k.rank.plan.tp;
  const std::int64_t turned = std::int64_t{heads + kv_heads} * a.head_dim,
                     row = turned + std::int64_t{kv_heads} * a.head_dim;
  const std::span<T> x = k.read(0), y = k.written(0);
  std::int64_t first_row = 0;
  for (const SequenceRun& run : k.rank.sequences()) {
    const RotaryShape shape{run.count * run.queries, heads + kv_heads, a.head_dim};
    const std::span<const Arithmetic<T>> table = k.rotary.at(run.length);
    const Matrix<const T> from{x.data() + first_row * row, row};
    const Matrix<T> to{y.data() + first_row * row, row};
    back ? k.on.rotary_backward(shape, table, from, to) : k.on.rotary_forward(shape, table, from, to);
    first_row += shape.rows;
  }
  copy_rows<T>(k.rank.backend, first_row, row - turned, {x.data() + turned, row}, {y.data() + turned, row});
}

}  // namespace

template <class T>
void RotaryKernels<T>::forward(KernelContext<T>& k, WeightKind) {
  turn(k, false);
}

template <class T>
void RotaryKernels<T>::input_gradient(KernelContext<T>& k, WeightKind) {
  turn(k, true);
}

#define FORERUN_ATTENTION_KERNELS(T)   \
  template struct AttentionKernels<T>; \
  template struct RotaryKernels<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_ATTENTION_KERNELS)

}  // namespace forerun

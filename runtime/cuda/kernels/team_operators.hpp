// The operators of runtime/operators.hpp on teams of threads, but for products and attention: which bodies are
// launched, over how many items, with what scratch.
//
// A Machine runs them: a GPU's lane, or the tests' threads. It has: team(elements, most): of how many threads, at most
// so many, a team is that has so many elements to share; launch(items, threads, body); scratch(bytes): memory until the
// next call; lists(host lists...): [i] is where the kernels that are launched before it goes find the i-th; losses(): a
// double of the machine's memory; take_losses(): what it is, and 0 from then on.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "runtime/cuda/kernels/elementwise_kernels.hpp"
#include "runtime/cuda/kernels/expert_kernels.hpp"
#include "runtime/cuda/kernels/loss_kernels.hpp"
#include "runtime/cuda/kernels/norm_kernels.hpp"
#include "runtime/cuda/kernels/row_kernels.hpp"
#include "runtime/cuda/kernels/rows_by_index.hpp"
#include "runtime/operators.hpp"

namespace forerun::cuda {

template <class T, class Machine>
class TeamOperators : public Operators<T> {
 public:
  using A = Arithmetic<T>;
  using In = std::span<const T>;
  using Out = std::span<T>;
  using Sums = std::span<A>;
  using ConstSums = std::span<const A>;
  using Ints = std::span<const std::int32_t>;

  explicit TeamOperators(Machine machine) : machine_(std::move(machine)) {}

  void rms_norm_forward(double epsilon, In x, In w, Out y) override { norm_forward<false>(epsilon, x, w, {}, y); }
  void rms_norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw) override {
    norm_backward<false>(epsilon, x, w, dy, dx, dw, {});
  }
  void layer_norm_forward(double epsilon, In x, In w, In b, Out y) override { norm_forward<true>(epsilon, x, w, b, y); }
  void layer_norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw, Sums db) override {
    norm_backward<true>(epsilon, x, w, dy, dx, dw, db);
  }

  void gelu_forward(In x, Out y) override { write(y, GeluOf<T>{x.data()}); }
  void gelu_backward(In x, In dy, Out dx) override { write(dx, GeluGradientOf<T>{x.data(), dy.data()}); }
  void swiglu_forward(std::int64_t width, In x, Out y) override {
    per_row(rows(y, width), width, SwigluForward<T>{width, x.data(), y.data()});
  }
  void swiglu_backward(std::int64_t width, In x, In dy, Out dx) override {
    per_row(rows(dy, width), width, SwigluBackward<T>{width, x.data(), dy.data(), dx.data()});
  }

  void add(In a, In b, Out sum) override { write(sum, SumOf<T>{a.data(), b.data()}); }
  void add_sums(ConstSums a, ConstSums b, Sums sum) override { write(sum, SumOf<A>{a.data(), b.data()}); }
  void add_rows_of(std::int64_t rows, std::int64_t width, Matrix<const T> x, Matrix<T> sum) override {
    per_row(rows, width, AddRow<T>{width, x, sum});
  }
  void fill_sums(A value, Sums sums) override { write(sums, Same<A>{value}); }
  void narrow(ConstSums x, Out y) override { write(y, Of<A>{x.data()}); }
  void gather_rows(std::int64_t width, In x, Ints index, Out y) override { gather(width, 0, x, index, y); }

  void router_forward(RouterShape s, In logits, Sums scores, std::span<std::int32_t> chosen, Sums weights) override {
    machine_.launch(s.rows, machine_.team(s.experts, 32),
                    RouterForward<T>{s, logits.data(), scores.data(), chosen.data(), weights.data()});
  }
  void router_backward(RouterShape s, ConstSums scores, Ints chosen, ConstSums dweights, Out dlogits) override {
    machine_.launch(s.rows, machine_.team(s.experts, 32),
                    RouterBackward<T>{s, scores.data(), chosen.data(), dweights.data(), dlogits.data()});
  }
  void combine_forward(std::int64_t width, int top_k, In x, Ints place, ConstSums weights, Out y) override {
    per_row(std::ssize(place) / top_k, width,
            CombineForward<T>{width, top_k, x.data(), place.data(), weights.data(), y.data()});
  }
  void combine_backward(std::int64_t width, int top_k, In x, Ints place, ConstSums weights, In dy, Out dx,
                        Sums dweights) override {
    per_row(std::ssize(place), width,
            CombineBackward<T>{width, top_k, x.data(), place.data(), weights.data(), dy.data(), dx.data(),
                               dweights.data()});
  }

  void embedding_forward(std::int64_t width, std::int64_t first, Ints tokens, In table, Out y) override {
    gather(width, first, table, tokens, y);
  }
  void embedding_weight_gradient(std::int64_t width, std::int64_t first, Ints tokens, In dy, Sums dtable) override {
    add_by_index(width, first, dy, tokens, dtable);
  }
  void rotary_forward(RotaryShape s, ConstSums table, Matrix<const T> x, Matrix<T> y) override {
    turn(s, 1, table, x, y);
  }
  void rotary_backward(RotaryShape s, ConstSums table, Matrix<const T> dy, Matrix<T> dx) override {
    turn(s, -1, table, dy, dx);
  }

  void cross_entropy_forward(std::int64_t first, In logits, Ints targets, Sums exponentials,
                             std::span<LossStatistics<A>> statistics) override {
    if (targets.empty()) return;
    const std::int64_t columns = std::ssize(logits) / std::ssize(targets);
    const auto lists = machine_.lists(targets);
    machine_.launch(
        std::ssize(targets), machine_.team(columns, 512),
        CrossEntropyForward<T>{first, columns, logits.data(), lists[0], exponentials.data(), statistics.data()});
  }
  void cross_entropy_backward(std::int64_t first, int slice, A scale, ConstSums exponentials,
                              std::span<const LossStatistics<A>> statistics, Ints targets, Out dlogits) override {
    if (targets.empty()) return;
    const std::int64_t rows = std::ssize(targets), columns = std::ssize(dlogits) / rows,
                       slices = std::ssize(statistics) / rows;
    const auto lists = machine_.lists(targets);
    machine_.launch(rows, machine_.team(columns, 512),
                    CrossEntropyBackward<T>{first, columns, rows, slices, slice, scale, exponentials.data(),
                                            statistics.data(), lists[0], dlogits.data()});
  }
  void add_losses(std::span<const LossStatistics<A>> statistics, Sums losses) override {
    if (losses.empty()) return;
    const std::int64_t rows = std::ssize(losses);
    machine_.launch(
        1, machine_.team(rows, 512),
        AddLosses<A>{rows, std::ssize(statistics) / rows, statistics.data(), losses.data(), machine_.losses()});
  }
  [[nodiscard]] double take_losses() override { return machine_.take_losses(); }

  void adamw_update(const AdamW& how, std::int64_t step, A gradient_scale, ConstSums gradient, Sums m, Sums v,
                    Sums master, Out parameters) override {
    AdamWUpdate<T> update(how, step, gradient_scale);
    update.count = std::ssize(gradient);
    update.gradient = gradient.data(), update.m = m.data(), update.v = v.data(), update.master = master.data();
    update.parameters = parameters.empty() ? nullptr : parameters.data();
    machine_.launch(tiles(update.count), tile_team(), update);
  }

 protected:
  template <class U>
  [[nodiscard]] U* scratch_of(std::int64_t elements) {
    return reinterpret_cast<U*>(machine_.scratch(elements * static_cast<std::int64_t>(sizeof(U))));
  }

  Machine machine_;  // NOLINT(cppcoreguidelines-non-private-member-variables-in-classes): for products and attention

 private:
  [[nodiscard]] int tile_team() const { return machine_.team(tile_elements, 256); }
  template <class U>
  [[nodiscard]] static std::int64_t rows(std::span<U> x, std::int64_t width) {
    return std::ssize(x) / width;
  }
  template <class To, class F>
  void write(std::span<To> to, F f) {
    machine_.launch(tiles(std::ssize(to)), tile_team(), WriteEach<To, F>{std::ssize(to), f, to.data()});
  }
  template <class Body>
  void per_row(std::int64_t rows, std::int64_t width, const Body& body) {
    machine_.launch(rows, machine_.team(width, 256), body);
  }
  // A thread a column.
  template <class Body>
  void by_columns(std::int64_t width, const Body& body) {
    const int threads = machine_.team(width, 128);
    machine_.launch(body.items(threads), threads, body);
  }

  template <bool centred>
  void norm_forward(double epsilon, In x, In w, In b, Out y) {
    const std::int64_t width = std::ssize(w);
    per_row(rows(x, width), width,
            NormForward<centred, T>{epsilon, width, x.data(), w.data(), b.empty() ? nullptr : b.data(), y.data()});
  }

  template <bool centred>
  void norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw, Sums db) {
    const std::int64_t width = std::ssize(w), count = rows(x, width);
    if (count == 0) return;
    const RowGroups groups = row_groups(count);
    // The rows' statistics, then the groups' sums of dw, and of db.
    A* const room = scratch_of<A>(2 * count + (db.empty() ? 1 : 2) * groups.count() * width);
    auto* const statistics = reinterpret_cast<NormStatistics<A>*>(room);
    A *const weights = room + 2 * count, *const biases = db.empty() ? nullptr : weights + groups.count() * width;
    per_row(count, width,
            NormInputGradient<centred, T>{epsilon, width, x.data(), w.data(), dy.data(), dx.data(), statistics});
    by_columns(width, NormWeightGradient<T>{groups, width, x.data(), dy.data(), statistics, weights, biases});
    by_columns(width, AddPartials<A>{groups.count(), width, weights, dw.data()});
    if (!db.empty()) by_columns(width, AddPartials<A>{groups.count(), width, biases, db.data()});
  }

  void gather(std::int64_t width, std::int64_t first, In from, Ints index, Out y) {
    const auto lists = machine_.lists(index);
    per_row(std::ssize(index), width, GatherRow<T>{width, first, rows(from, width), from.data(), lists[0], y.data()});
  }

  template <class To>
  void add_by_index(std::int64_t width, std::int64_t first, In from, Ints index, std::span<To> to) {
    const RowsByIndex by = rows_by_index(first, rows(to, width), index);
    const auto lists = machine_.lists(by.index, by.begin, by.row);
    by_columns(width,
               AddRowGroup<T, To>{std::ssize(by.index), width, from.data(), lists[0], lists[1], lists[2], to.data()});
  }

  void turn(RotaryShape s, A direction, ConstSums table, Matrix<const T> x, Matrix<T> y) {
    per_row(s.rows, std::int64_t{s.heads} * s.head_dim / 2,
            TurnRow<T>{s.heads, s.head_dim, direction, std::ssize(table) / s.head_dim, table.data(), x, y});
  }
};

}  // namespace forerun::cuda

#include "executor/ranks/weights.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "base/random.hpp"
#include "runtime/cpu/instantiate.hpp"
#include "runtime/cpu/number.hpp"
#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

class Weights {
 public:
  Weights(const Scenario& given, const Plan& plan, int rank)
      : model_(given.model),
        plan_(plan),
        tp_(rank % plan.tp),
        ep_(rank / plan.etp % plan.ep),
        etp_(rank % plan.etp),
        h_(given.model.hidden) {}

  std::vector<Weight> of(const Unit& unit) {
    switch (unit.kind) {
      case UnitKind::embedding:
        table();
        break;
      case UnitKind::block:
        block(model_.blocks[static_cast<std::size_t>(unit.layer)]);
        break;
      case UnitKind::head:
        head();
        break;
    }
    return std::move(list_);
  }

 private:
  [[nodiscard]] Slice share(std::int64_t n) const { return {tp_ * (n / plan_.tp), n / plan_.tp}; }

  void add(Weight w, double deviation) {
    std::int64_t columns = 0;
    for (const Slice& slice : w.columns) columns += slice.count;
    w.count = w.rows.count * columns, w.deviation = deviation;
    std::int64_t& next = w.of_experts() ? experts_ : dense_;
    w.first = next;
    next += w.count;
    list_.push_back(std::move(w));
  }
  void matrix(WeightKind kind, std::int64_t rows, std::int64_t columns, Slice mine, std::vector<Slice> mine_columns,
              int expert = -1) {
    add({.kind = kind,
         .expert = expert,
         .all_rows = rows,
         .all_columns = columns,
         .rows = mine,
         .columns = std::move(mine_columns)},
        1 / std::sqrt(static_cast<double>(rows)));
  }

  void norm(WeightKind kind) {
    const std::int64_t n = norm_parameters(model_, h_);
    add({.kind = kind,
         .ones = h_,
         .replicated = true,
         .all_rows = 1,
         .all_columns = n,
         .rows = {0, 1},
         .columns = {{0, n}}},
        0);
  }

  void table() {
    add({.kind = WeightKind::table,
         .all_rows = model_.vocab,
         .all_columns = h_,
         .rows = share(model_.vocab),
         .columns = {{0, h_}}},
        model_.tied_embeddings ? 1 / std::sqrt(static_cast<double>(h_)) : 1);
  }

  void head() {
    norm(WeightKind::final_norm);
    if (model_.tied_embeddings) {
      if (!ends_meet(plan_)) table();
      return;
    }
    matrix(WeightKind::head, h_, model_.vocab, {0, h_}, {share(model_.vocab)});
  }

  void block(const Block& block) {
    const Attention& a = *block.attention();
    const std::int64_t query = std::int64_t{a.heads} * a.head_dim, key = std::int64_t{a.kv_heads} * a.head_dim;
    const auto from = [](std::int64_t first, Slice slice) { return Slice{first + slice.first, slice.count}; };
    norm(WeightKind::attention_norm);
    matrix(WeightKind::qkv, h_, query + 2 * key, {0, h_},
           {share(query), from(query, share(key)), from(query + key, share(key))});
    matrix(WeightKind::attention_output, query, h_, share(query), {{0, h_}});
    norm(WeightKind::feed_forward_norm);
    if (const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward))
      return layer(mlp->width, mlp->gated, share(mlp->width), -1);
    const Moe& moe = std::get<Moe>(block.feed_forward);
    add({.kind = WeightKind::router,
         .replicated = true,
         .all_rows = h_,
         .all_columns = moe.experts,
         .rows = {0, h_},
         .columns = {{0, moe.experts}}},
        1 / std::sqrt(static_cast<double>(h_)));
    const int local = moe.experts / plan_.ep, width = moe.width / plan_.etp;
    for (int e = 0; e < local; ++e)
      layer(moe.width, moe.gated, {etp_ * width, width}, static_cast<int>(ep_) * local + e);
  }

  void layer(std::int64_t width, bool gated, Slice mine, int expert) {
    std::vector<Slice> columns{mine};
    if (gated) columns.push_back({width + mine.first, mine.count});
    matrix(WeightKind::up, h_, gated ? 2 * width : width, {0, h_}, columns, expert);
    matrix(WeightKind::down, width, h_, mine, {{0, h_}}, expert);
  }

  const Model& model_;
  const Plan& plan_;
  std::int64_t tp_, ep_, etp_, h_;
  std::int64_t dense_ = 0, experts_ = 0;
  std::vector<Weight> list_;
};

double normal_of(std::uint64_t hash) {  // Box and Muller 1958
  return std::sqrt(-2 * std::log(uniform_of(hash))) * std::cos(2 * std::numbers::pi * uniform_of(hash_of(hash, 1)));
}

}  // namespace

std::string_view to_string(WeightKind kind) {
  static constexpr std::array<std::string_view, 10> names{
      "table", "attention_norm", "qkv",    "attention_output", "feed_forward_norm",
      "up",    "down",           "router", "final_norm",       "head"};
  return names[static_cast<std::size_t>(kind)];
}

std::vector<Weight> weights_of(const Scenario& given, const Plan& plan, const Unit& unit, int rank) {
  return Weights(given, plan, rank).of(unit);
}

std::int64_t whole_index(const Weight& w, std::int64_t i) {
  std::int64_t columns = 0;
  for (const Slice& slice : w.columns) columns += slice.count;
  const std::int64_t row = w.rows.first + i / columns;
  std::int64_t column = i % columns;
  for (const Slice& slice : w.columns) {
    if (column < slice.count) return row * w.all_columns + slice.first + column;
    column -= slice.count;
  }
  return -1;
}

template <class T>
void first_values(std::uint64_t seed, int layer, const Weight& w, std::span<T> values) {
  if (w.kind == WeightKind::table) layer = 0;  // a head's copy is the same
  const auto which = static_cast<std::uint64_t>(w.kind) * 65536 + static_cast<std::uint64_t>(w.expert + 1);
  for (std::int64_t i = 0; i < w.count; ++i) {
    const std::int64_t at = whole_index(w, i);
    const double value = at < w.ones ? 1
                         : w.deviation == 0
                             ? 0
                             : w.deviation * normal_of(hash_of(seed, static_cast<std::uint64_t>(layer) + 1, which,
                                                               static_cast<std::uint64_t>(at)));
    values[static_cast<std::size_t>(i)] = static_cast<T>(static_cast<Arithmetic<T>>(value));
  }
}

#define FORERUN_FIRST_VALUES(T) template void first_values<T>(std::uint64_t, int, const Weight&, std::span<T>);
FORERUN_FOR_EACH_NUMBER(FORERUN_FIRST_VALUES)

}  // namespace forerun

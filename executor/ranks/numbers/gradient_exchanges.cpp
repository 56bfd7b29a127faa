#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "executor/ranks/numbers/exchanges.hpp"
#include "runtime/cpu/instantiate.hpp"
#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

// Gradients that are added up together: of `elements`, those that this rank holds begin at `first`.
template <class A>
struct Summed {
  std::int64_t elements = 0;
  std::span<A> held = {};
  std::int64_t first = 0;
};

// Adds them up over the group in `packed`, one after the other; of what this rank does not hold it adds 0.
template <class T>
void sum_packed(KernelContext<T>& k, const Communication& c, Communicator& among, std::span<Arithmetic<T>> packed,
                const std::vector<Summed<Arithmetic<T>>>& list) {
  using A = Arithmetic<T>;
  Backend& backend = k.rank.backend;
  std::int64_t all = 0;
  const auto in_packed = [&](std::int64_t at, const Summed<A>& one) {
    return packed.subspan(static_cast<std::size_t>(at + one.first), one.held.size());
  };
  clear(backend, packed);
  for (const Summed<A>& one : list) {
    copy<A>(backend, one.held, in_packed(all, one));
    all += one.elements;
  }
  if (all != c.elements) throw std::logic_error("the Program sums another number of gradients than there are");
  among.all_reduce(Elements(packed), Reduction::sum);
  std::int64_t at = 0;
  for (const Summed<A>& one : list) {
    copy<A>(backend, in_packed(at, one), one.held);
    at += one.elements;
  }
}

// In memory that nothing else counts: it is too much for the workspace, and unit by unit would be other messages than
// the Program's.
template <class T>
void sum_packed_apart(KernelContext<T>& k, const Communication& c, Communicator& among,
                      const std::vector<Summed<Arithmetic<T>>>& list) {
  using A = Arithmetic<T>;
  const Allocation memory =
      k.rank.uncounted.allocate("packed gradients", c.elements * static_cast<std::int64_t>(sizeof(A)));
  sum_packed<T>(k, c, among, memory.as<A>(), list);
}

UnitRange alone(std::size_t unit) { return {static_cast<int>(unit), static_cast<int>(unit)}; }

template <class A>
std::span<A> of_weight(std::span<A> all, std::int64_t first, std::int64_t count) {
  return all.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

// Of the gradients of a weight that all of a tensor group hold: what ZeRO keeps on other ranks is not held.
template <class T>
Summed<Arithmetic<T>> replicated_gradient(KernelContext<T>& k, std::size_t unit, const Weight& w) {
  if (zero_in_step(k.rank.plan) < 2) return {w.count, of_weight(k.flat.gradients(unit, false), w.first, w.count), 0};
  const WeightPiece& piece = k.flat.piece(alone(unit), Share::dense);
  const std::int64_t own = k.flat.place(unit, Share::dense).first + piece.own.first;  // in the unit
  const std::int64_t first = std::max(w.first, own), last = std::min(w.first + w.count, own + piece.own.count);
  if (first >= last) return {.elements = w.count};
  return {w.count, of_weight(k.flat.own_gradients(piece), first - own, last - first), first - w.first};
}

}  // namespace

template <class T>
std::function<void()> GradientExchanges<T>::between_replicas(KernelContext<T>& k, const Communication& c,
                                                             Communicator& among) {
  using A = Arithmetic<T>;
  const Plan& plan = k.rank.plan;
  const std::vector<Unit>& units = k.rank.stage.units;
  const auto unit = static_cast<std::size_t>(c.units->first), holder = k.weights.holder(unit, c.share);
  const WeightPiece& piece = k.flat.piece(holder == unit ? *c.units : alone(holder), c.share);
  if (c.flow == Flow::dp_all_gather) {
    const std::span<T> whole = zero_in_step(plan) == 3
                                   ? k.weights.template part<T>(*units[unit].gathered, unit, c.share)
                                   : k.flat.whole_parameters(piece);
    return [&among, own = k.flat.own_parameters(piece), whole] { among.all_gather(Elements(own), Elements(whole)); };
  }
  const std::span<A> whole = zero_in_step(plan) >= 2 ? k.weights.template part<A>(*units[unit].gradients, unit, c.share)
                                                     : k.flat.whole_gradients(piece);
  if (zero_in_step(plan) == 0) return [&among, whole] { among.all_reduce(Elements(whole), Reduction::sum); };
  const GroupKind copies = RankGrid::replica_group(c.share == Share::experts);
  const bool between_copies = c.group == copies;
  // From ZeRO-2 on a rank adds its shard to what it keeps, once all replicas have their part in it.
  const bool keeps =
      zero_in_step(plan) >= 2 && (between_copies || plan.sharding_group == 0 || k.rank.grid.size(copies) == 1);
  const std::span<A> shard = of_weight(whole, piece.own.first, piece.own.count),
                     kept = keeps ? k.flat.own_gradients(piece) : std::span<A>{};
  return [&on = k.on, &among, whole, shard, kept, between_copies] {
    if (between_copies) {
      among.all_reduce(Elements(shard), Reduction::sum);
    } else {
      among.reduce_scatter(Elements(whole), Elements(shard), Reduction::sum);
    }
    if (!kept.empty()) on.add_sums(kept, shard, kept);
  };
}

// Norms and routers under sequence parallelism: each rank of a tensor group saw other tokens.
template <class T>
void GradientExchanges<T>::sum_replicated(KernelContext<T>& k, const Communication& c, Communicator& among) {
  using A = Arithmetic<T>;
  std::vector<Summed<A>> list;
  for (std::size_t u = 0; u < k.rank.stage.units.size(); ++u) {
    for (const Weight& w : k.flat.weights(u)) {
      if (w.replicated) list.push_back(replicated_gradient(k, u, w));
    }
  }
  sum_packed<T>(k, c, among, k.rank.workspace.template take<A>(c.elements), list);
}

// DualPipe: the other copies of this stage's chunks saw the other half of the micro-batches. What this rank keeps, in
// the order of the layers on both stages.
template <class T>
void GradientExchanges<T>::sum_mirrored(KernelContext<T>& k, const Communication& c, Communicator& among) {
  std::vector<WeightPiece> pieces = k.flat.pieces();
  std::ranges::sort(pieces, {}, [&](const WeightPiece& p) {
    const Unit& unit = k.rank.stage.units[static_cast<std::size_t>(p.units.first)];
    return std::tuple(p.share, chunk_on(k.rank.plan, k.rank.at.pp, unit.chunk), p.units.first);
  });
  std::vector<Summed<Arithmetic<T>>> list;
  for (const WeightPiece& piece : pieces) list.push_back({piece.largest, k.flat.own_gradients(piece), 0});
  sum_packed_apart(k, c, among, list);
}

// A tied table: all of its gradients, or what ZeRO has this rank keep of them.
template <class T>
void GradientExchanges<T>::sum_ends(KernelContext<T>& k, const Communication& c, Communicator& among) {
  const std::vector<Unit>& units = k.rank.stage.units;
  const auto found = std::ranges::find_if(units, [](const Unit& unit) { return unit.table > 0; });
  const auto unit = static_cast<std::size_t>(found - units.begin());
  std::span<Arithmetic<T>> held;
  if (zero_in_step(k.rank.plan) >= 2) {
    held = k.flat.own_gradients(k.flat.piece(alone(unit), Share::table));
  } else {
    const Weight& table = *std::ranges::find(k.flat.weights(unit), WeightKind::table, &Weight::kind);
    held = of_weight(k.flat.gradients(unit, false), table.first, table.count);
  }
  if (std::ssize(held) == c.elements) return among.all_reduce(Elements(held), Reduction::sum);
  sum_packed_apart(k, c, among, {{c.elements, held, 0}});  // the smaller ones of unequal shards
}

#define FORERUN_GRADIENT_EXCHANGES(T) template struct GradientExchanges<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_GRADIENT_EXCHANGES)

}  // namespace forerun

#include <algorithm>
#include <functional>

#include "executor/ranks/numbers/exchanges.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {

template <class T>
void ActivationExchanges<T>::all_reduce(KernelContext<T>& k, const Communication&, Communicator& among) {
  among.all_reduce(Elements(k.read(0)), Reduction::sum);
}

template <class T>
void ActivationExchanges<T>::reduce_scatter(KernelContext<T>& k, const Communication&, Communicator& among) {
  among.reduce_scatter(Elements(k.read(0)), Elements(k.written(0)), Reduction::sum);
}

// What is gathered may lie in its place already, and be no activation: statistics of the loss.
template <class T>
void ActivationExchanges<T>::all_gather(KernelContext<T>& k, const Communication&, Communicator& among) {
  const std::span<std::byte> part = k.template read<std::byte>(0);
  const std::span<std::byte> whole = k.rank.cursor.writes().empty() ? part : k.template written<std::byte>(0);
  const bool in_place = whole.data() == part.data();
  const std::size_t each = whole.size() / static_cast<std::size_t>(among.size());
  among.all_gather(Elements(in_place ? whole.subspan(static_cast<std::size_t>(among.rank()) * each, each) : part),
                   Elements(whole));
}

namespace {

std::vector<std::int64_t> elements_of(std::vector<std::int64_t> rows, std::int64_t hidden) {
  for (std::int64_t& n : rows) n *= hidden;
  return rows;
}

bool all_equal(const std::vector<std::int64_t>& rows) {
  return std::ranges::adjacent_find(rows, std::not_equal_to()) == rows.end();
}

// Room for what this rank sends to, or gets from, each of its peers where they have unequally many rows. The Program
// does not know of it.
template <class T>
struct CopyForEach {
  CopyForEach(KernelContext<T>& k, std::size_t ranks, std::span<T> own)
      : counts(ranks, std::ssize(own)),
        memory(k.rank.uncounted.allocate(
            "rows for each", std::ssize(counts) * std::ssize(own) * static_cast<std::int64_t>(sizeof(T)))) {}

  [[nodiscard]] std::span<T> all() const { return memory.template as<T>(); }
  [[nodiscard]] std::span<T> of(std::size_t rank) const {
    const auto each = static_cast<std::size_t>(counts[rank]);
    return all().subspan(rank * each, each);
  }

  std::vector<std::int64_t> counts;
  Allocation memory;
};

}  // namespace

template <class T>
void ExpertExchanges<T>::exchange_rows(KernelContext<T>& k, const Communication& c, Communicator& among) {
  const RoutedRows& r = k.experts.at_work();
  const std::vector<std::int64_t> away = elements_of(r.send, k.hidden()), here = elements_of(r.receive, k.hidden());
  among.all_to_all(Elements(k.read(0)), c.home ? here : away, Elements(k.written(0)), c.home ? away : here);
}

// Ranks that share experts compute all rows that one of them received with a part of the columns each. Where the router
// sent them unequally many, each sends its own to all.
template <class T>
void ExpertExchanges<T>::gather_rows(KernelContext<T>& k, const Communication&, Communicator& among) {
  const std::span<T> own = k.read(0), all = k.written(0);
  const std::vector<std::int64_t>& rows = k.experts.at_work().peers;
  if (all_equal(rows)) return among.all_gather(Elements(own), Elements(all));
  const CopyForEach<T> copies(k, rows.size(), own);
  for (std::size_t rank = 0; rank < rows.size(); ++rank) copy<T>(k.rank.backend, own, copies.of(rank));
  among.all_to_all(Elements(copies.all()), copies.counts, Elements(all), elements_of(rows, k.hidden()));
}

template <class T>
void ExpertExchanges<T>::scatter_rows(KernelContext<T>& k, const Communication&, Communicator& among) {
  const std::span<T> all = k.read(0), own = k.written(0);
  const std::vector<std::int64_t>& rows = k.experts.at_work().peers;
  if (all_equal(rows)) return among.reduce_scatter(Elements(all), Elements(own), Reduction::sum);
  const CopyForEach<T> copies(k, rows.size(), own);
  among.all_to_all(Elements(all), elements_of(rows, k.hidden()), Elements(copies.all()), copies.counts);
  clear(k.rank.backend, own);
  for (std::size_t rank = 0; rank < rows.size(); ++rank) k.on.add(own, copies.of(rank), own);
}

#define FORERUN_ACTIVATION_EXCHANGES(T)   \
  template struct ActivationExchanges<T>; \
  template struct ExpertExchanges<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_ACTIVATION_EXCHANGES)

}  // namespace forerun

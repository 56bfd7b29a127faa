#include "executor/ranks/numbers/numbers_of.hpp"

#include "executor/ranks/numbers/exchanges.hpp"
#include "executor/ranks/numbers/kernel_table.hpp"
#include "executor/ranks/token_batch.hpp"
#include "runtime/cpu/instantiate.hpp"
#include "runtime/cpu/rotary.hpp"

namespace forerun {

template <class T>
NumbersOf<T>::NumbersOf(RankContext& rank, ExpertRows& experts) : rank_(rank), kernels_(rank, experts) {
  kernels_.flat.set_first_values(rank.options.seed);
  fill_rotary_tables();
}

// In the workspace for the whole run.
template <class T>
void NumbersOf<T>::fill_rotary_tables() {
  using A = Arithmetic<T>;
  const int head_dim = rank_.given.model.blocks.front().attention()->head_dim;
  for (const std::int64_t length : rank_.lengths()) {
    const std::vector<std::int32_t> positions = positions_of(rank_.plan, length, rank_.at.cp);
    std::vector<A> table(positions.size() * static_cast<std::size_t>(head_dim));
    fill_rotary_table<A>(10000, head_dim, positions, table);
    const std::span<A> own = rank_.workspace.take<A>(std::ssize(table));
    put<A>(rank_.backend, table, own);
    kernels_.rotary[length] = own;
  }
  rank_.workspace.hold();
}

template <class T>
void NumbersOf<T>::compute(const Computation& c) {
  if (is<SumOfReads>(c)) return add_up_reads();
  if (is<SettledGradients>(c))
    return kernels_.weights.settle(rank_.cursor.reads()[0], kernels_.template written<Arithmetic<T>>(0));
  if (is<RingSum>(c)) return kernels_.on.add(kernels_.read(1), kernels_.read(0), kernels_.read(1));
  if (c.part == Part::update) return update();
  run_kernel(kernels_, c.kind, c.part);
}

template <class T>
void NumbersOf<T>::add_up_reads() {
  if (rank_.cursor.writes().empty()) return;
  const std::span<T> to = kernels_.written(0);
  clear(rank_.backend, to);
  for (std::size_t i = 0; i < kernels_.reads(); ++i) kernels_.on.add(to, kernels_.read(i), to);
}

template <class T>
void NumbersOf<T>::update() {
  if (!rank_.updates) return;
  kernels_.flat.update(rank_.options.optimizer, rank_.step + 1);
  kernels_.flat.clear_gradients();
}

template <class T>
void NumbersOf<T>::exchange(const Communication& c, Communicator& among) {
  run_exchange(kernels_, c, among);
}

template <class T>
std::function<void()> NumbersOf<T>::exchange_replicas(const Communication& c, Communicator& among) {
  return GradientExchanges<T>::between_replicas(kernels_, c, among);
}

#define FORERUN_NUMBERS_OF(T) template class NumbersOf<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_NUMBERS_OF)

std::unique_ptr<RankNumbers> make_numbers(RankContext& rank, ExpertRows& experts) {
  switch (rank.format()) {
    case DType::fp64:
      return std::make_unique<NumbersOf<double>>(rank, experts);
    case DType::bf16:
      return std::make_unique<NumbersOf<BFloat16>>(rank, experts);
    default:
      return std::make_unique<NumbersOf<float>>(rank, experts);
  }
}

}  // namespace forerun

#include "executor/ranks/numbers/exchanges.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

template <class T>
struct ExchangeRow {
  Flow flow{};
  bool of_weights = false;  // of gradients, not of activations
  GroupKind group{};
  void (*run)(KernelContext<T>&, const Communication&, Communicator&) = nullptr;
};

template <class T>
constexpr std::array rows{
    ExchangeRow<T>{Flow::tp_all_reduce, false, GroupKind::tp, ActivationExchanges<T>::all_reduce},
    ExchangeRow<T>{Flow::tp_all_reduce, true, GroupKind::tp, GradientExchanges<T>::sum_replicated},
    ExchangeRow<T>{Flow::tp_all_gather, false, GroupKind::tp, ActivationExchanges<T>::all_gather},
    ExchangeRow<T>{Flow::tp_reduce_scatter, false, GroupKind::tp, ActivationExchanges<T>::reduce_scatter},
    ExchangeRow<T>{Flow::cp_all_gather, false, GroupKind::cp, AttentionExchanges<T>::gather_keys},
    ExchangeRow<T>{Flow::cp_reduce_scatter, false, GroupKind::cp, AttentionExchanges<T>::scatter_key_gradients},
    ExchangeRow<T>{Flow::cp_send, false, GroupKind::cp, AttentionExchanges<T>::pass_on_the_ring},
    ExchangeRow<T>{Flow::cp_all_to_all, false, GroupKind::cp, AttentionExchanges<T>::exchange_heads},
    ExchangeRow<T>{Flow::ep_all_to_all, false, GroupKind::ep, ExpertExchanges<T>::exchange_rows},
    ExchangeRow<T>{Flow::ep_all_gather, false, GroupKind::etp, ExpertExchanges<T>::gather_rows},
    ExchangeRow<T>{Flow::ep_reduce_scatter, false, GroupKind::etp, ExpertExchanges<T>::scatter_rows},
    ExchangeRow<T>{Flow::pp_all_reduce, false, GroupKind::mirror, GradientExchanges<T>::sum_mirrored},
    ExchangeRow<T>{Flow::pp_all_reduce, false, GroupKind::ends, GradientExchanges<T>::sum_ends},
};

}  // namespace

template <class T>
void run_exchange(KernelContext<T>& k, const Communication& c, Communicator& among) {
  const bool of_weights = c.units.has_value();
  const auto row = std::ranges::find_if(rows<T>, [&](const ExchangeRow<T>& r) {
    return r.flow == c.flow && r.of_weights == of_weights && r.group == c.group;
  });
  if (row == rows<T>.end())
    throw std::logic_error("the executor has no " + std::string(name_of(c.flow)) + " of this kind");
  row->run(k, c, among);
}

#define FORERUN_RUN_EXCHANGE(T) template void run_exchange<T>(KernelContext<T>&, const Communication&, Communicator&);
FORERUN_FOR_EACH_NUMBER(FORERUN_RUN_EXCHANGE)

}  // namespace forerun

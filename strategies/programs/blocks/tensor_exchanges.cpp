// Tensor parallelism (Shoeybi et al. 2019, section 3). Without sequence parallelism partial sums are added up by an
// all-reduce: forward behind a product cut by rows, backward behind the input gradient of one cut by columns. With it
// (Korthikanti et al. 2022, section 4.2.2) each all-reduce becomes a reduce-scatter there, and an all-gather where the
// whole is read next; W needs the gathered input again.
#include "strategies/programs/blocks/exchange_parts.hpp"

namespace forerun {
namespace {

Exchange gathered(const ExchangeTerms& terms, std::int64_t elements, double overlapped, Bytes element,
                  std::string_view name) {
  Communication c = terms.over(Flow::tp_all_gather, GroupKind::tp, elements, overlapped);
  c.element = element;
  return {c, name, static_cast<double>(elements) * element};
}

// A product cut by columns reads its whole input.
void enter(const ExchangeTerms& terms, const Operator& op, OperatorExchanges& e) {
  const std::int64_t whole = terms.shape.tokens * op.gathers, share = terms.shape.residual_tokens * op.gathers;
  const OverlapAbility& able = terms.ability;
  if (!terms.split.sp) {
    e.reduce_gradient =
        Exchange{terms.over(Flow::tp_all_reduce, GroupKind::tp, whole, able.tp_backward), "gradient of an activation"};
    return;
  }
  const Bytes element = op.keeps_format ? terms.element : terms.product_input;
  e.gather = gathered(terms, whole, able.tp_forward, element, "gathered input");
  e.gather_again = gathered(terms, whole, able.tp_backward, element, "gathered input");
  e.whole_gradient = terms.bytes(whole);
  e.reduce_gradient = Exchange{terms.over(Flow::tp_reduce_scatter, GroupKind::tp, whole, able.tp_backward),
                               "gradient of an activation", terms.bytes(share)};
}

// A product cut by rows makes a partial sum.
void leave(const ExchangeTerms& terms, OperatorExchanges& e) {
  const std::int64_t whole = terms.shape.tokens * terms.hidden, share = terms.shape.residual_tokens * terms.hidden;
  const double overlapped = terms.ability.tp_forward;
  if (!terms.split.sp) {
    e.reduce = Exchange{terms.over(Flow::tp_all_reduce, GroupKind::tp, whole, overlapped), "activation"};
    return;
  }
  e.reduce =
      Exchange{terms.over(Flow::tp_reduce_scatter, GroupKind::tp, whole, overlapped), "activation", terms.bytes(share)};
  e.gather_gradient = gathered(terms, whole, overlapped, terms.product_input, "gathered gradient");
}

void gather_statistics(const ExchangeTerms& terms, const Operator& op, OperatorExchanges& e) {
  const SavedTensor& statistics = op.saves.back();
  const Bytes number = size_of(terms.element == size_of(DType::fp64) ? DType::fp64 : DType::fp32);
  Communication c =
      terms.over(Flow::tp_all_gather, GroupKind::tp, static_cast<std::int64_t>(statistics.bytes / number), 0);
  c.element = number;
  e.statistics = Exchange{c, statistics.name};
}

// H = X A of low-rank factors: with a product cut by columns A is cut by columns too, and H is gathered. With one cut
// by rows A is cut by rows, so H is added up, and B is cut by columns, so the result is gathered. The gradient of H is
// added up.
void exchange_low_rank(const ExchangeTerms& terms, const Operator& op, OperatorExchanges& e) {
  const bool by_rows = op.cut == Cut::rows;
  const std::int64_t elements = terms.shape.tokens * op.low_rank;
  e.low_rank = terms.over(by_rows ? Flow::tp_all_reduce : Flow::tp_all_gather, GroupKind::tp, elements, 0);
  e.low_rank_gradient = terms.over(Flow::tp_all_reduce, GroupKind::tp, elements, 0);
  if (by_rows) {
    e.after.push_back(
        {terms.over(Flow::tp_all_gather, GroupKind::tp, terms.shape.tokens * terms.hidden, 0), "activation"});
  }
}

}  // namespace

void add_tensor_exchanges(const ExchangeTerms& terms, const Operator& op, OperatorExchanges& e) {
  if (terms.split.tp == 1) return;
  if (op.gathers > 0) enter(terms, op, e);
  if (op.cut == Cut::rows) leave(terms, e);
  if (op.exchanges_statistics) gather_statistics(terms, op, e);
  if (op.low_rank > 0 && op.cut != Cut::experts) exchange_low_rank(terms, op, e);
}

}  // namespace forerun

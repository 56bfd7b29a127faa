#include "strategies/programs/blocks/block_exchanges.hpp"

#include "strategies/programs/blocks/exchange_parts.hpp"

namespace forerun {
namespace {

// What the stack can overlap, less what the plan forbids.
OverlapAbility allowed(OverlapAbility ability, const OverlapChoice& choice) {
  const auto forbid = [](const std::optional<bool>& wanted, double& able) {
    if (wanted && !*wanted) able = 0;
  };
  forbid(choice.tp, ability.tp_forward);
  forbid(choice.tp, ability.tp_backward);
  forbid(choice.cp, ability.cp);
  forbid(choice.ep, ability.ep);
  return ability;
}

// No input is gathered again for a W that is not there, and no gradient moves where none is made.
void drop_unneeded(const Operator& op, OperatorExchanges& e) {
  if (!op.weight_gradient.empty()) return;
  e.gather_again.reset();
  if (!op.input_gradient.empty()) return;
  e.before_gradient.clear();
  e.after_gradient.clear();
  e.gather_gradient.reset();
  e.reduce_gradient.reset();
  e.scatter_keys.reset();
}

}  // namespace

std::vector<OperatorExchanges> block_exchanges(const Scenario& given, std::int64_t hidden, const Split& split,
                                               const TokenShape& shape, const std::vector<Operator>& operators) {
  const Bytes element = size_of(activation_dtype(given.job));
  const bool narrow = given.job.dtype == DType::fp8 && given.stack.fp8_gathers;
  const ExchangeTerms terms{.split = split,
                            .shape = shape,
                            .hidden = hidden,
                            .load = given.job.expert_skew,
                            .element = element,
                            .product_input = narrow ? size_of(DType::fp8) : element,
                            .ability = allowed(given.stack.overlap, split.overlap)};
  std::vector<OperatorExchanges> list(operators.size());
  for (std::size_t i = 0; i < operators.size(); ++i) {
    add_context_exchanges(terms, operators[i], list[i]);
    add_expert_exchanges(terms, operators[i], list[i]);
    add_tensor_exchanges(terms, operators[i], list[i]);
    drop_unneeded(operators[i], list[i]);
  }
  return list;
}

}  // namespace forerun

// Expert parallelism: an all-to-all takes the copies of tokens to the ranks of their experts, and another one brings
// the results home; backward their gradients go the opposite ways. Where an expert is cut over a tensor group of its
// own (etp), that group gathers the copies and scatters the results.
#include "strategies/programs/blocks/exchange_parts.hpp"

namespace forerun {
namespace {

// Elements of one way.
struct Copies {
  std::int64_t sent, received;
  std::int64_t gathered;  // over etp; counts the rows that this rank's experts draw already
};

// Everybody waits for the rank that draws most.
Communication all_to_all(const ExchangeTerms& terms, const Copies& copies, bool home) {
  Communication c = terms.over(Flow::ep_all_to_all, GroupKind::ep, copies.sent, terms.ability.ep);
  c.load = terms.load;
  c.home = home;
  return c;
}

void go(const ExchangeTerms& terms, const Copies& copies, std::vector<Exchange>& list, std::string_view name) {
  if (terms.split.ep > 1) list.push_back({all_to_all(terms, copies, false), name, terms.bytes(copies.received)});
  if (terms.split.etp > 1) {
    list.push_back({terms.over(Flow::ep_all_gather, GroupKind::etp, copies.gathered, terms.ability.ep), name,
                    terms.bytes(copies.gathered)});
  }
}

void come_back(const ExchangeTerms& terms, const Copies& copies, std::vector<Exchange>& list, std::string_view name) {
  if (terms.split.etp > 1) {
    list.push_back({terms.over(Flow::ep_reduce_scatter, GroupKind::etp, copies.gathered, terms.ability.ep), name,
                    terms.bytes(copies.received)});
  }
  if (terms.split.ep > 1) list.push_back({all_to_all(terms, copies, true), name, terms.bytes(copies.sent)});
}

}  // namespace

void add_expert_exchanges(const ExchangeTerms& terms, const Operator& op, OperatorExchanges& e) {
  const bool dispatches = op.routing == TokenRouting::dispatches, returns = op.routing == TokenRouting::returns;
  if (!dispatches && !returns) return;
  const std::int64_t gathered = terms.shape.routed_tokens * terms.hidden;
  const Copies copies{.sent = terms.shape.residual_tokens * op.top_k * terms.hidden,
                      .received = gathered / terms.split.etp,
                      .gathered = gathered};
  if (dispatches) {
    go(terms, copies, e.after, "activation");
    come_back(terms, copies, e.before_gradient, "gradient of an activation");
  } else {
    come_back(terms, copies, e.after, "activation");
    go(terms, copies, e.before_gradient, "gradient of an activation");
  }
}

}  // namespace forerun

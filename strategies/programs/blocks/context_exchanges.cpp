// Context parallelism: each rank has some positions of every sequence, and attention needs all keys and values. Ring
// (Liu et al. 2023): they go round. All-gather (Llama 3, section 3.3.2): every rank collects them. Ulysses (Jacobs et
// al. 2023): an all-to-all gives each rank all positions of some heads, and another one brings the outputs home.
#include <algorithm>

#include "base/shard_sizes.hpp"
#include "strategies/programs/blocks/exchange_parts.hpp"

namespace forerun {
namespace {

void gather_keys(const ExchangeTerms& terms, std::int64_t elements, OperatorExchanges& e) {
  e.gather_keys = Exchange{terms.over(Flow::cp_all_gather, GroupKind::cp, elements, 0), "all keys and values",
                           terms.bytes(elements)};
  e.scatter_keys = Exchange{terms.over(Flow::cp_reduce_scatter, GroupKind::cp, elements, 0),
                            "gradients of all keys and values", terms.bytes(elements)};
}

// From a share of the positions with all heads to all positions with a share of the heads, and back.
void exchange_heads(const ExchangeTerms& terms, const MixerCore& core, OperatorExchanges& e) {
  // Few key-value heads are copied so that every rank has one.
  const std::int64_t copies = std::max<std::int64_t>(1, shard_sizes(terms.split.cp, core.kv_heads).largest);
  const std::int64_t inputs = terms.shape.tokens * (core.queries + copies * core.keys_values),
                     outputs = terms.shape.tokens * core.outputs;
  const auto all_to_all = [&](std::int64_t elements, bool home) {
    Communication c = terms.over(Flow::cp_all_to_all, GroupKind::cp, elements, 0);
    c.home = home;
    return c;
  };
  e.before.push_back({all_to_all(inputs, false), "queries, keys, values", terms.bytes(inputs)});
  e.after.push_back({all_to_all(outputs, true), "activation", terms.bytes(outputs)});
  e.before_gradient.push_back({all_to_all(outputs, false), "gradient of an activation", terms.bytes(outputs)});
  e.after_gradient.push_back({all_to_all(inputs, true), "gradient of an activation", terms.bytes(inputs)});
}

}  // namespace

void add_context_exchanges(const ExchangeTerms& terms, const Operator& op, OperatorExchanges& e) {
  if (terms.split.cp == 1 || !op.core) return;
  const std::int64_t keys_values = terms.shape.tokens * op.core->keys_values;
  switch (terms.split.cp_kind) {
    case CpKind::ring:
      e.ring = Ring{terms.split.cp, terms.over(Flow::cp_send, GroupKind::cp, keys_values, terms.ability.cp),
                    terms.bytes(keys_values)};
      return;
    case CpKind::all_gather:
      return gather_keys(terms, terms.split.cp * keys_values, e);
    case CpKind::ulysses:
      return exchange_heads(terms, *op.core, e);
  }
}

}  // namespace forerun

#include "strategies/programs/blocks/block_exchanges.hpp"

namespace forerun {
namespace {

// What the stack can hide, less what the plan forbids.
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

class Exchanges {
 public:
  Exchanges(const Scenario& given, const Block& local, const Split& split, const TokenShape& shape)
      : split_(split),
        local_(local),
        shape_(shape),
        hidden_(local.hidden),
        load_(given.job.expert_skew),
        element_(size_of(activation_dtype(given.job))),
        product_input_(given.job.dtype == DType::fp8 && given.stack.fp8_gathers ? size_of(DType::fp8) : element_),
        small_(given.stack.small_exchanges),
        ability_(allowed(given.stack.overlap, split.overlap)) {}

  std::vector<OperatorExchanges> around(const std::vector<Operator>& operators) {
    list_.resize(operators.size());
    for (std::size_t i = 0; i < operators.size(); ++i) {
      const bool first = i == 0 || operators[i - 1].kind != operators[i].kind;
      const bool last = i + 1 == operators.size() || operators[i + 1].kind != operators[i].kind;
      tensor_parallel(operators[i].kind, list_[i], first, last);
      if (operators[i].kind == OperatorKind::attention_core) context_parallel(list_[i]);
      if (operators[i].kind == OperatorKind::loss) tell_statistics(operators[i], list_[i]);
      expert_parallel(operators[i].kind, list_[i]);
      tuned(operators[i], list_[i], last);
    }
    return std::move(list_);
  }

 private:
  [[nodiscard]] Bytes bytes(std::int64_t elements) const { return static_cast<double>(elements) * element_; }
  [[nodiscard]] Communication over(Flow flow, GroupKind group, std::int64_t elements, double hidden) const {
    return {.flow = flow, .group = group, .elements = elements, .element = element_, .hidden = hidden};
  }

  // --- tensor parallelism: no SP: partial sums are added up, forward and (of inputs' gradients) backward; SP: gathers
  // and scatters

  [[nodiscard]] bool routed() const { return std::holds_alternative<Moe>(local_.feed_forward); }

  // Products that need the whole of their input; its width.
  [[nodiscard]] std::int64_t entering(OperatorKind kind, bool first) const {
    const auto& latent = local_.attention()->latent;
    const bool narrow = latent && latent->query_rank > 0;  // projected down where the tokens are; the latents move
    switch (kind) {
      case OperatorKind::qkv:
        return narrow ? 0 : hidden_;
      case OperatorKind::latent_up:
        return narrow ? latent->query_rank + latent->kv_rank + latent->rope_dim : 0;
      case OperatorKind::up:
        return routed() ? 0 : hidden_;
      case OperatorKind::shared_expert:
        return first ? hidden_ : 0;
      case OperatorKind::head:
        return hidden_;
      default:
        return 0;
    }
  }
  [[nodiscard]] bool leaving(OperatorKind kind, bool last) const {
    return kind == OperatorKind::attention_output || (kind == OperatorKind::down && !routed()) ||
           (kind == OperatorKind::shared_expert && last) || kind == OperatorKind::embedding;
  }

  void tensor_parallel(OperatorKind kind, OperatorExchanges& e, bool first, bool last) const {
    if (split_.tp == 1) return;
    if (const std::int64_t width = entering(kind, first); width > 0) {
      enter(e, shape_.tokens * width, shape_.residual_tokens * width,
            kind == OperatorKind::head ? element_ : product_input_);
    }
    if (leaving(kind, last)) leave(e);
  }

  void tell_statistics(const Operator& loss, OperatorExchanges& e) const {
    if (split_.tp == 1 || !small_) return;
    const Bytes number = size_of(element_ == size_of(DType::fp64) ? DType::fp64 : DType::fp32);
    Communication c =
        over(Flow::tp_all_gather, GroupKind::tp, static_cast<std::int64_t>(loss.saves.back().bytes / number), 0);
    c.element = number;
    e.statistics = Exchange{c, loss.saves.back().name};
  }

  void enter(OperatorExchanges& e, std::int64_t whole, std::int64_t share, Bytes element) const {
    if (!split_.sp) {
      e.reduce_gradient =
          Exchange{over(Flow::tp_all_reduce, GroupKind::tp, whole, ability_.tp_backward), "gradient of an activation"};
      return;
    }
    e.gather = gathered(whole, ability_.tp_forward, element, "gathered input");
    e.gather_again = gathered(whole, ability_.tp_backward, element, "gathered input");
    e.whole_gradient = bytes(whole);
    e.reduce_gradient = Exchange{over(Flow::tp_reduce_scatter, GroupKind::tp, whole, ability_.tp_backward),
                                 "gradient of an activation", bytes(share)};
  }

  [[nodiscard]] Exchange gathered(std::int64_t elements, double hidden, Bytes element, std::string_view name) const {
    Communication c = over(Flow::tp_all_gather, GroupKind::tp, elements, hidden);
    c.element = element;
    return {c, name, static_cast<double>(elements) * element};
  }

  void leave(OperatorExchanges& e) const {
    const std::int64_t whole = shape_.tokens * hidden_, share = shape_.residual_tokens * hidden_;
    if (!split_.sp) {
      e.reduce = Exchange{over(Flow::tp_all_reduce, GroupKind::tp, whole, ability_.tp_forward), "activation"};
      return;
    }
    e.reduce =
        Exchange{over(Flow::tp_reduce_scatter, GroupKind::tp, whole, ability_.tp_forward), "activation", bytes(share)};
    e.gather_gradient = gathered(whole, ability_.tp_forward, product_input_, "gathered gradient");
  }

  // --- low-rank factors and frozen products

  // H is gathered or summed where its factors are cut, dH summed; the columns of a result that joins rows are gathered.
  void tuned(const Operator& op, OperatorExchanges& e, bool last) const {
    if (op.weight_gradient.empty()) e.gather_again.reset();
    if (op.weight_gradient.empty() && op.input_gradient.empty()) {
      e.before_gradient.clear(), e.after_gradient.clear();
      e.gather_gradient.reset(), e.reduce_gradient.reset(), e.beside_gradient.reset();
    }
    const bool experts = routed() && (op.kind == OperatorKind::up || op.kind == OperatorKind::down);
    if (op.low_rank == 0 || split_.tp == 1 || experts) return;
    const bool by_rows = leaving(op.kind, last);
    const std::int64_t thin = shape_.tokens * op.low_rank;
    e.thin = over(by_rows ? Flow::tp_all_reduce : Flow::tp_all_gather, GroupKind::tp, thin, 0);
    e.thin_gradient = over(Flow::tp_all_reduce, GroupKind::tp, thin, 0);
    if (by_rows)
      e.after.push_back({over(Flow::tp_all_gather, GroupKind::tp, shape_.tokens * hidden_, 0), "activation"});
  }

  // --- context parallelism

  void context_parallel(OperatorExchanges& e) const {
    if (split_.cp == 1) return;
    const Attention& a = *local_.attention();
    const std::int64_t value_dim = a.latent ? a.latent->value_dim : a.head_dim,
                       kv_heads = a.latent ? a.heads : a.kv_heads;
    const std::int64_t keys_values = shape_.tokens * kv_heads * (a.head_dim + value_dim);
    switch (split_.cp_kind) {
      case CpKind::ring:
        return ring(e, keys_values);
      case CpKind::all_gather:
        return gather_keys(e, split_.cp * keys_values);
      case CpKind::ulysses: {
        // Few key-value heads are copied so that every rank has one.
        const std::int64_t copies = std::max<std::int64_t>(1, shard_sizes(split_.cp, kv_heads).largest);
        return ulysses(e, shape_.tokens * (a.heads * a.head_dim + copies * kv_heads * (a.head_dim + value_dim)),
                       shape_.tokens * a.heads * value_dim);
      }
    }
  }

  void ring(OperatorExchanges& e, std::int64_t elements) const {
    e.ring = Ring{split_.cp, over(Flow::cp_send, GroupKind::cp, elements, ability_.cp), bytes(elements)};
  }
  void gather_keys(OperatorExchanges& e, std::int64_t elements) const {
    e.beside = Exchange{over(Flow::cp_all_gather, GroupKind::cp, elements, 0), "all keys and values", bytes(elements)};
    e.beside_gradient = Exchange{over(Flow::cp_reduce_scatter, GroupKind::cp, elements, 0),
                                 "gradients of all keys and values", bytes(elements)};
  }
  // From a share of the positions with all heads to all positions with a share of the heads, and back.
  void ulysses(OperatorExchanges& e, std::int64_t inputs, std::int64_t outputs) const {
    const auto all_to_all = [&](std::int64_t elements, bool home) {
      Communication c = over(Flow::cp_all_to_all, GroupKind::cp, elements, 0);
      c.home = home;
      return c;
    };
    e.before.push_back({all_to_all(inputs, false), "queries, keys, values", bytes(inputs)});
    e.after.push_back({all_to_all(outputs, true), "activation", bytes(outputs)});
    e.before_gradient.push_back({all_to_all(outputs, false), "gradient of an activation", bytes(outputs)});
    e.after_gradient.push_back({all_to_all(inputs, true), "gradient of an activation", bytes(inputs)});
  }

  // --- expert parallelism: copies go to the experts' ranks and come back

  void expert_parallel(OperatorKind kind, OperatorExchanges& e) const {
    const Moe* moe = std::get_if<Moe>(&local_.feed_forward);
    if (moe == nullptr || (split_.ep == 1 && split_.etp == 1)) return;
    const std::int64_t sent = shape_.residual_tokens * moe->top_k * hidden_;
    const std::int64_t gathered = shape_.routed_tokens * hidden_, received = gathered / split_.etp;
    if (kind == OperatorKind::dispatch) {
      go(e.after, sent, received, gathered, "activation");
      come_back(e.before_gradient, sent, received, gathered, "gradient of an activation");
    }
    if (kind == OperatorKind::down) {
      come_back(e.after, sent, received, gathered, "activation");
      go(e.before_gradient, sent, received, gathered, "gradient of an activation");
    }
  }
  void go(std::vector<Exchange>& list, std::int64_t sent, std::int64_t received, std::int64_t gathered,
          std::string_view name) const {
    if (split_.ep > 1)
      list.push_back({loaded(over(Flow::ep_all_to_all, GroupKind::ep, sent, ability_.ep)), name, bytes(received)});
    if (split_.etp > 1)
      list.push_back({over(Flow::ep_all_gather, GroupKind::etp, gathered, ability_.ep), name, bytes(gathered)});
  }
  void come_back(std::vector<Exchange>& list, std::int64_t sent, std::int64_t received, std::int64_t gathered,
                 std::string_view name) const {
    if (split_.etp > 1)
      list.push_back({over(Flow::ep_reduce_scatter, GroupKind::etp, gathered, ability_.ep), name, bytes(received)});
    if (split_.ep == 1) return;
    list.push_back({loaded(over(Flow::ep_all_to_all, GroupKind::ep, sent, ability_.ep)), name, bytes(sent)});
    list.back().communication.home = true;
  }
  // Everybody waits for the rank that draws most; what is gathered over etp counts the rows of this rank's experts
  // already.
  [[nodiscard]] Communication loaded(Communication c) const {
    c.load = load_;
    return c;
  }

  const Split& split_;
  const Block& local_;
  const TokenShape& shape_;
  std::int64_t hidden_;
  double load_;
  Bytes element_;
  Bytes product_input_;  // of an element, as it is gathered for a product; the head's is not cast
  bool small_;
  OverlapAbility ability_;
  std::vector<OperatorExchanges> list_;
};

}  // namespace

std::vector<OperatorExchanges> block_exchanges(const Scenario& given, const Block& local, const Split& split,
                                               const TokenShape& shape, const std::vector<Operator>& operators) {
  return Exchanges(given, local, split, shape).around(operators);
}

}  // namespace forerun

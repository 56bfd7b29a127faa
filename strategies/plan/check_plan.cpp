#include "strategies/plan/check_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

// Collects reasons; with `texts` off it only remembers that there was one (the search asks a million times).
class Reasons {
 public:
  explicit Reasons(bool texts) : texts_(texts) {}
  template <class Message, class Hint>
  void add_if(bool wrong, Message message, Hint hint) {
    if (!wrong) return;
    any_ = true;
    if (texts_) problems_.push_back({{}, message(), hint()});
  }
  [[nodiscard]] bool any() const { return any_; }
  Problems take() { return std::move(problems_); }

 private:
  bool texts_;
  bool any_ = false;
  Problems problems_;
};

#define FORERUN_SAY(...) [&] { return fmt::format(__VA_ARGS__); }

// Whether the degrees are small enough for the other checks to multiply them.
bool check_product(Reasons& r, const Scenario& s, const Plan& p) {
  const double product = static_cast<double>(p.tp) * p.cp * p.dp * p.pp;
  r.add_if(product != s.gpus,
           FORERUN_SAY("tp {} x cp {} x dp {} x pp {} = {:.0f} devices, but the cluster has {}", p.tp, p.cp, p.dp, p.pp,
                       product, s.gpus),
           FORERUN_SAY("make the product {}", s.gpus));
  return product <= 1 << 30;
}

void check_devices(Reasons& r, const Scenario& s, const Plan& p) {
  const int ranks = p.tp * p.cp * p.dp;
  r.add_if(ranks % (std::int64_t{p.ep} * p.etp) != 0,
           FORERUN_SAY("ep {}{} does not divide tp x cp x dp = {}", p.ep,
                       p.etp > 1 ? fmt::format(" x etp {}", p.etp) : "", ranks),
           FORERUN_SAY("choose a divisor of {}", ranks));
  const std::int64_t step = std::int64_t{p.dp} * p.micro_batch;
  r.add_if(s.job.global_batch % step != 0,
           FORERUN_SAY("global batch {} is not a multiple of dp {} x micro-batch {}", s.job.global_batch, p.dp,
                       p.micro_batch),
           FORERUN_SAY("use a global batch that {} divides, or another dp or micro_batch", step));
}

void check_mixers(Reasons& r, const Scenario& s, const Plan& p) {
  const bool ulysses = p.cp > 1 && p.cp_kind == CpKind::ulysses;
  const int ways = ulysses ? p.tp * p.cp : p.tp;  // that cut the heads
  const auto who = [&] {
    return ulysses ? fmt::format("tp {} x cp {} (ulysses)", p.tp, p.cp) : fmt::format("tp {}", p.tp);
  };
  const auto fits = [&](const Attention& a) {
    const bool heads = a.heads % ways == 0;
    const bool kv = a.latent || a.kv_heads % ways == 0 || ways % a.kv_heads == 0;
    r.add_if(!heads, FORERUN_SAY("{} does not divide the {} attention heads", who(), a.heads),
             FORERUN_SAY("choose a divisor of {}", a.heads));
    r.add_if(heads && !kv, FORERUN_SAY("{} and the {} key-value heads do not divide each other", who(), a.kv_heads),
             FORERUN_SAY("choose a divisor or a multiple of {}", a.kv_heads));
    return heads && kv;
  };
  for (const Block& block : s.model.blocks) {
    if (!std::visit(fits, block.mixer)) return;  // one word on it is enough
  }
}

void check_sequence(Reasons& r, const Scenario& s, const Plan& p) {
  r.add_if(p.sp && p.tp == 1, FORERUN_SAY("sp needs tensor parallelism, but tp is 1"), FORERUN_SAY("write sp: false"));
  const int zigzag = p.cp == 1 ? 1 : p.cp_kind == CpKind::ulysses ? p.cp : 2 * p.cp;
  r.add_if(
      s.job.sequence % zigzag != 0,
      FORERUN_SAY("sequence {} cannot be cut into the {} equal pieces that cp {} needs", s.job.sequence, zigzag, p.cp),
      FORERUN_SAY("use a multiple of {}", zigzag));
  r.add_if(p.sp && p.tp > 1 && (s.job.sequence / p.cp) % p.tp != 0,
           FORERUN_SAY("sp: the {} tokens that each context-parallel rank holds are not a multiple of tp {}",
                       s.job.sequence / p.cp, p.tp),
           FORERUN_SAY("use a sequence that cp x tp = {} divides", p.cp * p.tp));
  bool windowed = false;
  for (const Block& block : s.model.blocks)
    windowed |= block.attention() != nullptr && block.attention()->window.has_value();
  r.add_if(p.cp > 1 && windowed && p.cp_kind == CpKind::ring,
           FORERUN_SAY("ring context parallelism of sliding-window attention is not modelled"),
           FORERUN_SAY("write cp_kind: all_gather"));
}

void check_experts(Reasons& r, const Scenario& s, const Plan& p) {
  const bool mixture = is_mixture(s.model);
  r.add_if(p.etp > 1 && !mixture, FORERUN_SAY("etp {}, but {} has no experts", p.etp, s.model.name),
           FORERUN_SAY("write etp: 1"));
  r.add_if(
      mixture && s.job.expert_skew > 1 && p.ep == 1,
      FORERUN_SAY("expert_skew {}, but with ep 1 every rank has all experts and draws its own rows", s.job.expert_skew),
      FORERUN_SAY("leave expert_skew out, or write an ep above 1"));
  r.add_if(mixture && s.job.expert_skew > p.ep && p.ep > 1,
           FORERUN_SAY("expert_skew {}: one of {} ranks cannot draw more than all rows", s.job.expert_skew, p.ep),
           FORERUN_SAY("write an expert_skew of at most {}", p.ep));
  r.add_if(p.ep > 1 && !mixture, FORERUN_SAY("ep {}, but {} has no experts", p.ep, s.model.name),
           FORERUN_SAY("write ep: 1"));
  r.add_if(mixture && p.tp > 1 && !p.sp,
           FORERUN_SAY("experts with tp {} need sp: every rank must own tokens of its own to dispatch", p.tp),
           FORERUN_SAY("write sp: true"));
  for (const Block& block : s.model.blocks) {
    const Moe* moe = std::get_if<Moe>(&block.feed_forward);
    if (moe == nullptr) continue;
    r.add_if(moe->width % p.etp != 0,
             FORERUN_SAY("etp {} does not divide the width {} of the experts", p.etp, moe->width),
             FORERUN_SAY("choose a divisor of {}", moe->width));
    if (moe->experts % p.ep == 0) continue;
    r.add_if(true, FORERUN_SAY("ep {} does not divide the {} experts", p.ep, moe->experts),
             FORERUN_SAY("choose a divisor of {}", moe->experts));
    return;
  }
}

// How low-rank factors are cut.
void check_tuning(Reasons& r, const Scenario& s, const Plan& p) {
  const Tuning& tuning = s.job.tuning;
  if (!is_low_rank(tuning)) return;
  const auto by_columns = [](LowRankTarget t) {
    return t != LowRankTarget::o_proj && t != LowRankTarget::down_proj && t != LowRankTarget::linear_proj &&
           t != LowRankTarget::linear_fc2;
  };
  const bool columns = std::any_of(tuning.target.begin(), tuning.target.end(), by_columns),
             rows = !std::all_of(tuning.target.begin(), tuning.target.end(), by_columns);
  r.add_if(columns && tuning.rank % p.tp != 0,
           FORERUN_SAY("tp {} does not divide the rank {} of the low-rank factors", p.tp, tuning.rank),
           FORERUN_SAY("choose a divisor of {}", tuning.rank));
  const auto uneven = std::find_if(s.model.blocks.begin(), s.model.blocks.end(),
                                   [&](const Block& block) { return block.hidden % p.tp != 0; });
  r.add_if(rows && uneven != s.model.blocks.end(),
           FORERUN_SAY("tp {} does not divide the {} columns of the low-rank factors", p.tp, uneven->hidden),
           FORERUN_SAY("choose a divisor of {}", uneven->hidden));
  r.add_if(p.etp > 1, FORERUN_SAY("low-rank factors with etp {} are not modelled", p.etp), FORERUN_SAY("write etp: 1"));
}

// What each schedule asks of stages, chunks and micro-batches.
void check_schedule_shape(Reasons& r, const Plan& p, std::int64_t micro_batches) {
  if (p.pp == 1) return;
  const ScheduleTraits& schedule = traits(p.schedule);
  const bool several = schedule.most_virtual_stages != 1;
  r.add_if(p.virtual_stages < schedule.least_virtual_stages ||
               (schedule.most_virtual_stages > 0 && p.virtual_stages > schedule.most_virtual_stages),
           FORERUN_SAY("schedule {} with {} virtual stage{}", schedule.name, p.virtual_stages,
                       p.virtual_stages == 1 && several ? "" : "s"),
           FORERUN_SAY("{}", schedule.virtual_stages_hint));
  const PipelineShape shape{p.pp, p.virtual_stages, micro_batches};
  r.add_if(
      !has_shape(p.schedule, shape), [&] { return schedule.unsuited(shape); },
      [&] { return schedule.suitable(shape); });
}

void check_pipeline(Reasons& r, const Scenario& s, const Plan& p) {
  const std::int64_t chunks = std::int64_t{p.pp} * p.virtual_stages;
  const int blocks = static_cast<int>(s.model.blocks.size());
  const int available = p.cut == StageCut::even_with_ends ? blocks + 2 : blocks;
  r.add_if(
      p.cut != StageCut::list && chunks > available,
      FORERUN_SAY("{} chunks (pp {} x virtual stages {}) for {} blocks", chunks, p.pp, p.virtual_stages, available),
      FORERUN_SAY("every chunk needs a block: pp x virtual_stages at most {}", available));
  r.add_if(p.pp == 1 && p.virtual_stages > 1, FORERUN_SAY("virtual stages {} without a pipeline", p.virtual_stages),
           FORERUN_SAY("write virtual_stages: 1, or pp above 1"));
  const std::int64_t step = std::int64_t{p.dp} * p.micro_batch;
  check_schedule_shape(r, p, step > 0 ? s.job.global_batch / step : 0);
  r.add_if(p.activation_limit != 1 && !traits(p.schedule).needs_times,
           FORERUN_SAY("activation_limit {} without schedule zb-auto", p.activation_limit),
           FORERUN_SAY("leave activation_limit out, or write schedule: zb-auto"));
  if (p.cut == StageCut::list) {
    int sum = 0;
    bool empty_inside = false;
    for (const Stage& stage : p.stages) {
      sum += stage.blocks;
      empty_inside |= stage.blocks < 0;
    }
    r.add_if(std::ssize(p.stages) != chunks || sum != blocks || empty_inside,
             FORERUN_SAY("stages lists {} chunks with {} blocks, but there are {} chunks and {} blocks",
                         p.stages.size(), sum, chunks, blocks),
             FORERUN_SAY("write {} numbers that add up to {}", chunks, blocks));
  }
}

void check_sharding(Reasons& r, const Scenario& s, const Plan& p) {
  const int replicas = p.dp * p.cp;
  const bool shared_experts = is_mixture(s.model) && std::int64_t{p.ep} * p.etp != std::int64_t{p.tp} * replicas;
  r.add_if(p.zero > 0 && replicas == 1 && shared_experts,
           FORERUN_SAY("zero {} shards over dp x cp, which is 1, but experts have copies", p.zero),
           FORERUN_SAY("write zero: 0"));
  r.add_if(p.zero < 2 && p.zero_exchange == ZeroExchange::once_a_step,
           FORERUN_SAY("zero_exchange once_a_step with zero {}", p.zero),
           FORERUN_SAY("leave it out, or write zero: 2 or 3"));
  if (p.sharding_group == 0) return;
  r.add_if(p.zero == 0, FORERUN_SAY("sharding_group {} with zero 0, which shards nothing", p.sharding_group),
           FORERUN_SAY("write zero: 1, 2 or 3, or leave sharding_group out"));
  const bool divides = p.sharding_group <= replicas && replicas % p.sharding_group == 0;
  r.add_if(!divides, FORERUN_SAY("sharding_group {} does not divide dp x cp = {}", p.sharding_group, replicas),
           FORERUN_SAY("choose a divisor of {}", replicas));
  if (!divides || !is_mixture(s.model)) return;
  const std::int64_t copies = std::int64_t{p.tp} * replicas / (std::int64_t{p.ep} * p.etp),
                     part = copies * p.sharding_group;
  r.add_if(
      part % replicas != 0 || part / replicas == 0 || copies % (part / replicas) != 0,
      FORERUN_SAY("sharding_group {}: the {} copies of each expert cannot be cut in the same proportion",
                  p.sharding_group, copies),
      FORERUN_SAY("choose a sharding_group that is a multiple of {}", replicas / std::max<std::int64_t>(copies, 1)));
}

// Options without a meaning where they stand.
void check_meaning(Reasons& r, const Scenario& s, const Plan& p) {
  const OverlapAbility& able = s.stack.overlap;
  const auto cannot = [&](const std::optional<bool>& wanted, double ability, Dimension d) {
    r.add_if(wanted && *wanted && ability == 0,
             FORERUN_SAY("overlap of {} is asked for, but {} cannot overlap it", to_string(d), s.stack.name),
             FORERUN_SAY("leave overlap: {{{}: true}} out, or name another stack", to_string(d)));
  };
  cannot(p.overlap.tp, able.tp_forward + able.tp_backward, Dimension::tp);
  cannot(p.overlap.cp, p.cp_kind == CpKind::ring ? able.cp : 0, Dimension::cp);
  cannot(p.overlap.ep, able.ep, Dimension::ep);
  cannot(p.overlap.dp, p.zero == 3 ? able.zero3 : able.dp, Dimension::dp);
  cannot(p.overlap.pp, able.pp, Dimension::pp);
  r.add_if(p.pp == 1 && p.schedule != ScheduleKind::one_f_one_b && p.virtual_stages == 1,
           FORERUN_SAY("schedule {} without a pipeline", to_string(p.schedule)),
           FORERUN_SAY("leave schedule out, or write pp above 1"));
  r.add_if(p.pp == 1 && p.cut == StageCut::even_with_ends, FORERUN_SAY("stages: even_with_ends without a pipeline"),
           FORERUN_SAY("leave stages out, or write pp above 1"));
}

// Named in the design, not lowered yet: said, never ignored.
void check_modelled(Reasons& r, const Plan& p) {
  for (const Stage& stage : p.stages) {
    const bool own = stage.tp || stage.micro_batch || stage.device;
    r.add_if(own, FORERUN_SAY("a stage with its own tp, micro_batch or device is not modelled yet"),
             FORERUN_SAY("give stages as numbers of blocks"));
    if (own) return;
  }
}

void check(Reasons& r, const Scenario& s, const Plan& p) {
  if (!check_product(r, s, p)) return;
  check_devices(r, s, p);
  check_mixers(r, s, p);
  check_sequence(r, s, p);
  check_experts(r, s, p);
  check_tuning(r, s, p);
  check_pipeline(r, s, p);
  check_sharding(r, s, p);
  check_modelled(r, p);
  check_meaning(r, s, p);
}

#undef FORERUN_SAY

}  // namespace

Problems check_plan(const Scenario& scenario, const Plan& plan) {
  Reasons reasons(true);
  check(reasons, scenario, plan);
  return reasons.take();
}

bool is_valid(const Scenario& scenario, const Plan& plan) {
  Reasons reasons(false);
  check(reasons, scenario, plan);
  return !reasons.any();
}

namespace {

template <class Kind>
std::string names_of(const std::vector<Kind>& kinds) {
  std::vector<std::string> names;
  for (const Kind kind : kinds) names.emplace_back(to_string(kind));
  return join(names, ", ");
}

void check_stack(Reasons& r, const Stack& stack, const Plan& p) {
  const auto lacks = [&](bool used, const char* what) {
    r.add_if(
        used, [&] { return fmt::format("{} has no {}", stack.name, what); },
        [] { return std::string("leave it out, or name another stack"); });
  };
  lacks(p.tp > 1 && !stack.has_tp, "tensor parallelism");
  lacks(p.cp > 1 && !stack.has_cp, "context parallelism");
  lacks(p.ep > 1 && !stack.has_ep, "expert parallelism");
  lacks(p.pp > 1 && !stack.has_pp, "pipelines");
  const auto lists = [](const auto& list, auto kind) {
    return std::find(list.begin(), list.end(), kind) != list.end();
  };
  r.add_if(
      p.pp > 1 && stack.has_pp && !lists(stack.schedules, p.schedule),
      [&] { return fmt::format("{} has no schedule {}", stack.name, to_string(p.schedule)); },
      [&] { return "choose from " + names_of(stack.schedules) + ", or name another stack"; });
  r.add_if(
      p.cp > 1 && stack.has_cp && !lists(stack.cp_kinds, p.cp_kind),
      [&] { return fmt::format("{} has no context parallelism by {}", stack.name, to_string(p.cp_kind)); },
      [&] { return "choose from " + names_of(stack.cp_kinds) + ", or name another stack"; });
  const auto& levels = stack.zero_levels;
  const bool sharded = p.dp * p.cp > 1;
  r.add_if(
      sharded && std::find(levels.begin(), levels.end(), p.zero) == levels.end(),
      [&] { return fmt::format("{} has no ZeRO level {}", stack.name, p.zero); },
      [&] {
        std::vector<std::string> names;
        for (const int level : levels) names.push_back(std::to_string(level));
        return "choose from " + join(names, ", ");
      });
}

}  // namespace

Problems check_stack(const Scenario& scenario, const Plan& plan) {
  Reasons reasons(true);
  check_stack(reasons, scenario.stack, plan);
  Problems problems = reasons.take();
  for (Problem& refusal : StackFacts(scenario).refusals(plan)) problems.push_back(std::move(refusal));
  return problems;
}

bool supports(const Stack& stack, const StackFacts& facts, const Plan& plan) {
  Reasons reasons(false);
  check_stack(reasons, stack, plan);
  return !reasons.any() && facts.allow(plan);
}

bool supports(const Scenario& scenario, const Plan& plan) {
  return supports(scenario.stack, StackFacts(scenario), plan);
}

bool suits_model(const Scenario& scenario, const Split& split) {
  Plan plan;
  plan.tp = split.tp, plan.sp = split.sp, plan.cp = split.cp, plan.cp_kind = split.cp_kind, plan.ep = split.ep,
  plan.etp = split.etp;
  Reasons reasons(false);
  check_mixers(reasons, scenario, plan);
  check_sequence(reasons, scenario, plan);
  check_experts(reasons, scenario, plan);
  check_tuning(reasons, scenario, plan);
  return !reasons.any();
}

}  // namespace forerun

#include "strategies/plan/plan_fields.hpp"

#include <fmt/format.h>

#include <functional>

namespace forerun {
namespace {

using namespace fields;

Kind<int> degree() { return integer(1, most_devices); }

// ", ep 8" where there is more than one.
std::function<std::string(const Plan&)> above_one(const char* words, int Plan::* member) {
  return [words, member](const Plan& p) { return p.*member > 1 ? fmt::format("{}{}", words, p.*member) : ""; };
}

// A stage is as many blocks as a number says, or a map where it differs from the plan in more.
Kind<Stage> stage() {
  Kind<Stage> kind = nested(stage_fields());
  kind.read = [map = kind.read](Stage& value, const YamlNode& node) {
    if (node.is_map()) {
      map(value, node);
    } else {
      stage_fields().read_at(value, "blocks", node);
    }
  };
  kind.write = [map = kind.write](const Stage& value, Defaults rare) {
    return value == Stage{.blocks = value.blocks} ? Value{std::int64_t{value.blocks}} : map(value, rare);
  };
  return kind;
}

// How the blocks are cut: a rule, or the stages themselves.
Kind<Plan> stage_cut() {
  const Kind<std::vector<Stage>> written = list(stage());
  const Kind<StageCut> rule = choice<StageCut>({StageCut::even, StageCut::even_with_ends});
  Kind<Plan> kind{.words = {"choice or list", "", rule.words.range + ", [blocks of each chunk]"},
                  .read = {},
                  .write = {},
                  .inside = written.inside};
  kind.read = [written, rule](Plan& plan, const YamlNode& node) {
    plan.stages.clear();
    if (node.is_sequence()) {
      plan.cut = StageCut::list;
      written.read(plan.stages, node);
    } else {
      rule.read(plan.cut, node);
    }
  };
  kind.write = [written, rule](const Plan& plan, Defaults rare) {
    return plan.cut == StageCut::list ? written.write(plan.stages, rare) : rule.write(plan.cut, rare);
  };
  kind.read_inside = [written](Plan& plan, std::string_view path, const YamlNode& node) {
    return written.read_inside(plan.stages, path, node);
  };
  return kind;
}

// Ranks have one order so far; a file may say it.
Kind<Plan> rank_order() {
  static constexpr const char* only = "tp-cp-dp-pp";
  return {.words = {"choice", "", only},
          .read =
              [](Plan&, const YamlNode& node) {
                if (node.text() == only) return;
                node.report(fmt::format("order '{}' of the dimensions is not modelled yet", node.text()),
                            fmt::format("write {}, or leave it out", only));
              },
          .write = [](const Plan&, Defaults) { return Value{std::string(only)}; }};
}

void add_layers(Table<Plan>& table) {
  table.usual("tp", &Plan::tp, degree(), "ranks that share each block: tensor parallelism").says([](const Plan& p) {
    return fmt::format("tp {}", p.tp);
  });
  table.usual("sp", &Plan::sp, flag(), "sequence parallelism in the tensor-parallel group (Megatron)")
      .otherwise("the stack's, where tp is above 1")
      .says([](const Plan& p) { return p.sp ? " sp" : ""; });
  table.usual("cp", &Plan::cp, degree(), "ranks that share each sequence: context parallelism")
      .says(above_one(", cp ", &Plan::cp));
  table
      .usual("cp_kind", &Plan::cp_kind, choice<CpKind>({all_cp_kinds.begin(), all_cp_kinds.end()}),
             "how attention sees the other ranks' tokens")
      .says([](const Plan& p) { return p.cp > 1 ? fmt::format(" {}", to_string(p.cp_kind)) : ""; });
}

void add_pipeline(Table<Plan>& table) {
  table.usual("pp", &Plan::pp, degree(), "stages of the pipeline").says([](const Plan& p) {
    return fmt::format(", pp {}", p.pp);
  });
  table.usual("virtual_stages", &Plan::virtual_stages, degree(), "chunks of blocks a stage")
      .says(above_one(" x", &Plan::virtual_stages));
  table.usual("schedule", &Plan::schedule, choice(all_to(last_schedule)), "order of the passes of a stage")
      .otherwise(
          "interleaved where virtual_stages is above 1, else 1f1b",
          [](Plan& p) { p.schedule = p.virtual_stages > 1 ? ScheduleKind::interleaved : ScheduleKind::one_f_one_b; })
      .says([](const Plan& p) {
        const bool usual = p.schedule == ScheduleKind::one_f_one_b || p.schedule == ScheduleKind::interleaved;
        return p.pp > 1 && !usual ? fmt::format(" {}", to_string(p.schedule)) : "";
      });
  table
      .rare("activation_limit", &Plan::activation_limit, number(1, 64),
            "zb-auto: saved activations over those of the first stage of 1F1B (1: ZB-1p, 2: ZB-2p)")
      .says([](const Plan& p) { return p.activation_limit != 1 ? fmt::format(" limit {}", p.activation_limit) : ""; });
  table
      .usual("stages", std::identity{}, stage_cut(),
             "how blocks are cut into chunks: sizes differ by one block at most, the same with embedding and head "
             "counted as a block each, or as listed")
      .otherwise("even")
      .says([](const Plan& p) {
        return p.pp > 1 && p.cut != StageCut::even ? fmt::format(" {}", to_string(p.cut)) : "";
      });
}

void add_replicas(Table<Plan>& table) {
  table.usual("ep", &Plan::ep, degree(), "ranks that share the experts of a block: expert parallelism")
      .says(above_one(", ep ", &Plan::ep));
  table.rare("etp", &Plan::etp, degree(), "ranks that share each expert").says(above_one(", etp ", &Plan::etp));
  table.usual("dp", &Plan::dp, degree(), "replicas, which share the global batch: data parallelism")
      .says([](const Plan& p) { return fmt::format(", dp {}", p.dp); });
  table
      .usual("zero", &Plan::zero, integer(0, 3),
             "1: optimiser states, 2: and gradients, 3: and parameters are sharded over dp x cp")
      .otherwise("the stack's, where dp or cp is above 1")
      .says([](const Plan& p) { return fmt::format(", zero {}", p.zero); });
  table
      .rare("zero_exchange", &Plan::zero_exchange, choice(all_to(ZeroExchange::once_a_step)),
            "when replicas exchange what levels 2 and 3 cut: around every pass, or once a step (whole in between)")
      .otherwise("in a pipeline as the stack does, else every_pass")
      .says([](const Plan& p) { return exchanges_once(p) ? " once a step" : ""; });
  table.usual("micro_batch", &Plan::micro_batch, degree(), "sequences of a micro-batch").says([](const Plan& p) {
    return fmt::format(", micro-batch {}", p.micro_batch);
  });
  table
      .rare("sharding_group", &Plan::sharding_group, integer_or_unset(most_devices),
            "ranks that share one copy of the states (HSDP)")
      .otherwise("all of dp x cp")
      .says(
          [](const Plan& p) { return p.sharding_group > 0 ? fmt::format(", sharded over {}", p.sharding_group) : ""; });
}

void add_memory(Table<Plan>& table) {
  table.rare("offload", &Plan::offload, nested(offload_fields()), "what lives in the memory of the host")
      .says([](const Plan& p) { return offload_fields().summary(p.offload); });
  table
      .usual("recompute", &Plan::recompute, choice(all_to(Recompute::full)),
             "what backward passes compute again instead of keeping it")
      .says([](const Plan& p) {
        return p.recompute == Recompute::none ? "" : fmt::format(", recompute {}", to_string(p.recompute));
      });
  table.rare("overlap", &Plan::overlap, nested(overlap_fields()),
             "whether communication of a dimension may run beside computation");
  table.rare("order", std::identity{}, rank_order(), "numbering of the ranks, the innermost dimension first")
      .label("ranks have no other so far");
}

Table<Plan> make_plan_fields() {
  Table<Plan> table;
  add_layers(table);
  add_pipeline(table);
  add_replicas(table);
  add_memory(table);
  return table;
}

Table<OverlapChoice> make_overlap_fields() {
  using Member = std::optional<bool> OverlapChoice::*;
  Table<OverlapChoice> table;
  const auto add = [&table](const char* key, Member member, const char* what) {
    table.usual(key, member, maybe(flag()), what).otherwise("as far as the stack can");
  };
  add("tp", &OverlapChoice::tp, "exchanges of the tensor-parallel group, beside the products around them");
  add("cp", &OverlapChoice::cp, "keys and values of other ranks, beside attention");
  add("ep", &OverlapChoice::ep, "dispatch and combine of the experts' tokens");
  add("dp", &OverlapChoice::dp, "gradients beside backward passes, parameters beside forward passes");
  add("pp", &OverlapChoice::pp, "sends between stages, beside the next micro-batch");
  return table;
}

}  // namespace

const Table<Plan>& plan_fields() {
  static const Table<Plan> table = make_plan_fields();
  return table;
}

const Table<Stage>& stage_fields() {
  static const Table<Stage> table =
      Table<Stage>()
          .required("blocks", &Stage::blocks, integer(0, 100000), "blocks of the chunk")
          .rare("tp", &Stage::tp, maybe(degree()), "its own tensor parallelism")
          .otherwise("the plan's")
          .rare("micro_batch", &Stage::micro_batch, maybe(degree()), "its own sequences of a micro-batch")
          .otherwise("the plan's")
          .rare("device", &Stage::device, maybe(text()), "its own kind of device")
          .otherwise("the cluster's");
  return table;
}

const Table<Offload>& offload_fields() {
  static const Table<Offload> table =
      Table<Offload>()
          .usual("optimizer", &Offload::optimizer, flag(), "optimiser states, updated by the host's processors")
          .says([](const Offload& o) { return o.optimizer ? ", offload optimizer" : ""; })
          .usual("activations", &Offload::activations, flag(), "saved activations")
          .says([](const Offload& o) { return o.activations ? ", offload activations" : ""; });
  return table;
}

const Table<OverlapChoice>& overlap_fields() {
  static const Table<OverlapChoice> table = make_overlap_fields();
  return table;
}

std::string summary(const Plan& plan) { return plan_fields().summary(plan); }

}  // namespace forerun

#include "costmodel/stacks/stack_fields.hpp"

#include <algorithm>
#include <functional>

#include "workloads/jobs/job_fields.hpp"

namespace forerun {
namespace {

using namespace fields;

constexpr int most_rank = 1 << 16;

// The dimensions of parallelism that the software has, each a flag of the stack. All have data parallelism.
Kind<Stack> dimensions() {
  using Flag = bool Stack::*;
  static constexpr std::array<std::pair<Dimension, Flag>, 4> flags{{{Dimension::tp, &Stack::has_tp},
                                                                    {Dimension::cp, &Stack::has_cp},
                                                                    {Dimension::ep, &Stack::has_ep},
                                                                    {Dimension::pp, &Stack::has_pp}}};
  std::vector<Dimension> known;
  for (const auto& [dimension, flag] : flags) known.push_back(dimension);
  const Kind<std::vector<Dimension>> written = list(choice(known));
  Kind<Stack> kind{.words = written.words, .read = {}, .write = {}};
  kind.read = [written](Stack& stack, const YamlNode& node) {
    std::vector<Dimension> listed;
    written.read(listed, node);
    for (const auto& [dimension, flag] : flags)
      stack.*flag = std::find(listed.begin(), listed.end(), dimension) != listed.end();
  };
  kind.write = [written](const Stack& stack, Defaults rare) {
    std::vector<Dimension> listed;
    for (const auto& [dimension, flag] : flags) {
      if (stack.*flag) listed.push_back(dimension);
    }
    return written.write(listed, rare);
  };
  return kind;
}

Kind<bool> cut() {
  const std::vector<std::string> names{"even", "by_weights"};
  return {.words = word(names).words,
          .read = [names](bool& by_weights, const YamlNode& node) { by_weights = node.one_of(names) == 1; },
          .write = [names](const bool& by_weights, Defaults) { return Value{names[by_weights ? 1 : 0]}; }};
}

const Table<Stack>& supported_fields() {
  static const Table<Stack> table =
      Table<Stack>()
          .required("zero", &Stack::zero_levels, list(integer(0, 3)), "levels of sharding")
          .required("dimensions", std::identity{}, dimensions(), "of parallelism, beside data parallelism")
          .usual("schedules", &Stack::schedules, list(choice(all_to(last_schedule))), "of pipelines")
          .usual("zero_in_pipelines", &Stack::zero_in_pipelines, choice(all_to(ZeroExchange::once_a_step)),
                 "when replicas of a pipeline exchange what levels 2 and 3 cut")
          .usual("layers_per_chunk", &Stack::layers_per_chunk, integer(0, 1000),
                 "of an interleaved pipeline in its published configurations; 0: it does not interleave by itself")
          .usual("cut", &Stack::cuts_by_weights, cut(),
                 "how blocks fill the stages of a pipeline: evenly, or until each exceeds its share of the weights")
          .usual("cp", &Stack::cp_kinds, list(choice<CpKind>({all_cp_kinds.begin(), all_cp_kinds.end()})),
                 "kinds of context parallelism");
  return table;
}

Kind<Expression> condition() {
  return {.words = {"condition", "", "over " + rule_name_text()},
          .read =
              [](Expression& value, const YamlNode& node) {
                Result<Expression> read = Expression::parse(node.text(), rule_names());
                if (read) {
                  value = *std::move(read);
                } else {
                  for (const Problem& problem : read.error()) node.report(problem.message, problem.hint);
                }
              },
          .write = [](const Expression& value, Defaults) { return Value{value.text()}; }};
}

const Table<StackRule>& rule_fields() {
  static const Table<StackRule> table =
      Table<StackRule>()
          .required("must", &StackRule::must, condition(), "what holds of every plan that it accepts, for each block")
          .required("says", &StackRule::says, text(), "why")
          .required("source", &StackRule::source, text(), "the software's file, document or issue that says so");
  return table;
}

const Table<Stack>& selective_fields() {
  const auto operators = list(choice(all_to(OperatorKind::loss)));
  static const Table<Stack> table =
      Table<Stack>()
          .usual("inside", &Stack::selective_inside, operators,
                 "operators that keep their output but not what is inside")
          .usual("outputs", &Stack::selective_outputs, operators, "operators whose output is dropped as well");
  return table;
}

const Table<Stack>& lora_fields() {
  static const Table<Stack> table =
      Table<Stack>()
          .required("rank", &Stack::lora_rank, integer(1, most_rank), "of the factors")
          .required("target", &Stack::lora_target, low_rank_targets(), "products that they stand beside");
  return table;
}

const Table<Stack>& loss_fields() {
  static const Table<Stack> table =
      Table<Stack>()
          .required("saved", &Stack::logit_saved, quantity<Bytes>(), "kept of each logit for the backward pass")
          .required("workspace", &Stack::logit_workspace, quantity<Bytes>(), "beside it while the loss is computed");
  return table;
}

const Table<Stack>& host_fields() {
  static const Table<Stack> table =
      Table<Stack>()
          .required("per_kernel", &Stack::host_per_kernel, quantity<Seconds>(), "the host issues one kernel")
          .required("per_step", &Stack::host_per_step, quantity<Seconds>(),
                    "floor of one step: data, logging, optimiser bookkeeping")
          .usual("update_rate", &Stack::host_update_rate, number(1e6, 1e13),
                 "parameters a second that the processors of a node update under offload.optimizer");
  return table;
}

const Table<Stack>& memory_fields() {
  static const Table<Stack> table =
      Table<Stack>()
          .required("reserve", &Stack::allocator_reserve, number(0, 1), "reserved over allocated memory, minus one")
          .required("context", &Stack::context, quantity<Bytes>(), "driver and libraries, outside the allocator")
          .required("communicator", &Stack::communicator, quantity<Bytes>(), "buffers of one communicator")
          .required("workspace", &Stack::workspace, quantity<Bytes>(), "of the matrix library")
          .required("reported", &Stack::reported, choice(all_to(ReportedMemory::device)), "what its logs call memory");
  return table;
}

void add_states(Table<Stack>& table) {
  table.required("precision", &Stack::precision, nested(precision_fields()),
                 "the format of what is kept of each parameter");
  table.usual("dtype", &Stack::dtype, job_formats(), "of jobs that do not say");
  table.usual("moments_paged", &Stack::moments_paged, flag(), "moments live in host memory that the device pages in");
  table.usual("update_in_backward", &Stack::update_in_backward, flag(),
              "a block is updated as soon as its gradient is there, which then goes");
  table.rare("single_device", &Stack::single_device, maybe(nested(update_recipe_fields())),
             "how weights are updated in full training on one device");
  table.required("zero", &Stack::zero, integer(0, 3), "sharding of the optimiser where a plan does not say");
}

void add_abilities(Table<Stack>& table) {
  table.usual("supports", std::identity{}, nested(supported_fields()), "which plans it can run");
  table.rare("requires", &Stack::rules, list(nested(rule_fields())), "plans that it refuses beside those");
  table.required("sequence_parallel", &Stack::sequence_parallel, flag(),
                 "with tensor parallelism, where a plan does not say");
  table.required("attention", &Stack::attention, choice(all_to(AttentionKernel::flash3)), "its attention kernels");
  table.rare("selective", std::identity{}, nested(selective_fields()), "what recompute: selective runs again");
  table.rare("lora", std::identity{}, nested(lora_fields()), "low-rank factors, where a job does not say");
}

void add_traits(Table<Stack>& table) {
  const auto add = [&table](const char* key, bool Stack::* member, const char* what) {
    table.usual(key, member, flag(), what);
  };
  table.required("loss", std::identity{}, nested(loss_fields()), "memory of each logit");
  add("small_exchanges", &Stack::small_exchanges,
      "exchanges that formulas leave out are counted: gradients of norms and routers, statistics of the loss");
  add("wide_attention", &Stack::wide_attention, "its fused attention takes fp32 and fp64 as well");
  add("gradients_apart", &Stack::gradients_apart, "weight gradients are written before they are accumulated");
  add("fp8_saves", &Stack::fp8_saves, "products keep their inputs in fp8 under an fp8 job");
  add("fp8_gathers", &Stack::fp8_gathers,
      "with sequence parallelism what a product needs whole is cast before it is gathered");
  table.usual("fp8_weights", &Stack::fp8_weights, quantity<Bytes>(),
              "copies of each parameter that an fp8 job keeps beside the 16-bit one, below ZeRO-3");
  add("dropout", &Stack::dropout, "it runs the dropout of the model");
  add("compiled", &Stack::compiled, "chains of element-wise operators are one kernel");
  add("scatter_sends", &Stack::scatter_sends,
      "what a whole tensor-parallel group holds goes to the next stage in pieces that are gathered there");
  add("buffers_each_micro_batch", &Stack::buffers_each_micro_batch,
      "pipelines have a buffer for each micro-batch that a chunk receives, in both directions, for the whole step");
  add("steps_synchronize", &Stack::steps_synchronize, "all stages wait for each other before the update");
}

void add_speeds(Table<Stack>& table) {
  table.required("overlap", &Stack::overlap, nested(overlap_ability_fields()),
                 "share of a dimension's communication that may run beside computation");
  table.required("contention", &Stack::contention, number(0, 1),
                 "share of overlapped communication time by which it slows the computation beside it");
  table.rare("reach", &Stack::reach, nested(reach_fields()),
             "speed of its kernels and exchanges relative to those that calibrations measured");
  table
      .usual("spread", &Stack::spread, maybe(number(0, 3)),
             "of ln(measured / predicted) of step times beyond what kernels and exchanges explain")
      .otherwise("not known");
  table.required("host", std::identity{}, nested(host_fields()), "what it costs on the host");
  table
      .usual("bucket", &Stack::bucket, unset_as(0.0, number(1, 1e12)),
             "parameters that are reduced or gathered in one piece between replicas below ZeRO-3")
      .otherwise("those of a block");
  table.required("optimizer_passes", &Stack::optimizer_passes, number(0.1, 100),
                 "times that the optimiser's tensors are read and written, relative to a fused kernel");
  table.required("memory", std::identity{}, nested(memory_fields()), "what it takes beside the tensors");
}

Table<Stack> make_stack_fields() {
  Table<Stack> table;
  table.required("name", &Stack::name, text(), "as reports print it");
  table.rare("aliases", &Stack::aliases, list(text()), "other names by which it is found").label("it finds the file");
  table.required("source", &Stack::source, text(), "where its figures come from");
  add_states(table);
  add_abilities(table);
  add_traits(table);
  add_speeds(table);
  // What was fitted to runs is read beside the stack: see stack_yaml.cpp.
  table.checked([](const Stack&, MapReader& map) { static_cast<void>(map.has("fitted")); });
  return table;
}

}  // namespace

const Table<Stack>& stack_fields() {
  static const Table<Stack> table = make_stack_fields();
  return table;
}

std::string to_yaml(const Stack& stack) { return block_yaml(stack_fields().write(stack)); }

}  // namespace forerun

#include "validation/training/row_scenario.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/files/name_or_path.hpp"
#include "base/text.hpp"
#include "costmodel/collectives/collective_networks.hpp"
#include "hardware/catalog.hpp"
#include "strategies/plan/chunks.hpp"
#include "validation/training/interconnect.hpp"
#include "validation/training/row_model.hpp"
#include "validation/training/techniques.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun {
namespace {

constexpr const char* usual_stack = "megatron-core";  // where the column is empty or names none that is known

bool says(const std::string& text, std::string_view phrase) { return lower(text).find(phrase) != std::string::npos; }

// Notes value_or's column as assumed when the row leaves it empty.
struct Assumptions {
  std::vector<std::string>& list;
  template <class T>
  T operator()(const std::optional<T>& stated, const char* column, T otherwise) {
    if (!stated) list.emplace_back(column);
    return stated.value_or(otherwise);
  }
};

DType read_dtype(const TrainingRow& row, const Stack& stack, std::vector<std::string>& assumed) {
  const std::string text = lower(row.dtype);
  for (const DType dtype : {DType::bf16, DType::fp16, DType::fp8, DType::fp32}) {
    if (text == to_string(dtype)) return dtype;
  }
  assumed.emplace_back("dtype");
  return stack.dtype;
}

bool any_of(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return says(text, word); });
}

// A column whose words are not known, or "". Cells may stay empty; what stands there is never taken for another word.
std::string unknown_word(const TrainingRow& row, bool knows_stack) {
  const auto unknown = [](std::string_view column, const std::string& text) {
    return fmt::format("{}: {} is not known", column, quoted(text));
  };
  const std::string dtype = lower(row.dtype), tuning = lower(row.tuning), schedule = lower(row.schedule);
  const std::initializer_list<std::string_view> formats{"bf16", "fp16", "fp8", "fp32"};
  const std::initializer_list<std::string_view> tunings{"pretrain", "full", "finetune", "lora", "peft", "qlora"};
  const auto is_one = [](const std::string& text, std::initializer_list<std::string_view> words) {
    return text.empty() || std::ranges::find(words, text) != words.end();
  };
  if (!knows_stack) return unknown("stack", row.stack);
  if (!is_one(dtype, formats)) return unknown("dtype", row.dtype);
  if (!is_one(tuning, tunings)) return unknown("tuning", row.tuning);
  if (!is_one(schedule, {"zb-1p", "zb-2p"}) && !schedule_from(schedule)) return unknown("schedule", row.schedule);
  if (!is_one(row.stages, {"even", "even_with_ends"})) return unknown("stages", row.stages);
  if (!row.recompute.empty() && !recompute_from(lower(row.recompute))) return unknown("recompute", row.recompute);
  if (!row.flash_attention.empty() &&
      !any_of(row.flash_attention, {"no", "yes", "flash", "sdpa", "fused", "transformerengine", "te/", "cudnn"}))
    return unknown("flash_attention", row.flash_attention);
  const bool network = row.interconnect.empty() || parse_interconnect(row.interconnect).says_network() ||
                       network_kind(row.interconnect, 1).name != "unknown" ||
                       any_of(row.interconnect, {"nvlink", "nvl", "nvswitch", "pcie", "rdma", "ethernet", "node"});
  return network ? "" : unknown("interconnect", row.interconnect);
}

// What a row's techniques say takes the place of the stack's recipes.
void apply(const Techniques& on, Stack& stack) {
  stack.compiled = on.compiled;
  if (!on.chunked_loss) {  // 16-bit logits and their fp32 log-softmax, whose gradient is fp32; as is the loss's where
    // nothing fuses the two
    stack.logit_saved = Bytes{6};
    stack.logit_workspace = Bytes{on.compiled ? 4.0 : 8.0};
  }
  stack.single_device.reset();
  stack.update_in_backward = on.update_in_backward;
  if (on.eight_bit_moments) stack.precision.moments = DType::int8;
}

// What a row says of the software itself.
void read_software(const TrainingRow& row, Stack& stack) {
  const std::string attention = lower(row.flash_attention);
  if (attention.starts_with("no")) stack.attention = AttentionKernel::unfused;
  if (says(attention, "flashattention-2") || says(attention, "sdpa")) stack.attention = AttentionKernel::flash2;
  if (says(row.overlap, "no compile")) stack.compiled = false;
  if (says(row.overlap, "fused cross entropy")) {  // the gradient overwrites the 16-bit logits
    stack.logit_saved = Bytes{2};
    stack.logit_workspace = Bytes{0};
  }
  if (const auto techniques = techniques_of(row)) apply(*techniques, stack);
}

OverlapChoice read_overlap(const TrainingRow& row) {
  OverlapChoice choice;
  const bool none = says(row.overlap, "all tp/pp overlap disabled");
  if (none || says(row.overlap, "no overlap of gradient all-reduce") || says(row.overlap, "no dp overlap"))
    choice.dp = false;
  if (none || says(row.overlap, "tp_comm_overlap=false") || says(row.overlap, "vanillatp")) choice.tp = false;
  if (none) choice.pp = false;
  return choice;
}

// What is trained: said by the column, or by the techniques. Rows do not state rank and targets: the software's own.
Tuning read_tuning(const TrainingRow& row, const Stack& stack, std::vector<std::string>& assumed) {
  const std::string tuning = lower(row.tuning);
  Tuning read;
  if (tuning == "lora" || tuning == "peft") read.kind = TuningKind::lora;
  if (tuning == "qlora") read.kind = TuningKind::qlora;
  if (const auto techniques = techniques_of(row); techniques && techniques->tuning != TuningKind::full)
    read.kind = techniques->tuning;
  if (is_low_rank(read)) assumed.insert(assumed.end(), {"rank", "target"});
  return completed(read, stack);
}

// Of a table of techniques whose baseline does not pack its data: rows before it does state the longest sequence, not
// how many tokens there were.
bool is_unpacked(const TrainingRow& row) {
  const auto techniques = techniques_of(row);
  return techniques && !techniques->packed_data && says(row.notes, "unpacked so seq is a max");
}

bool is_zero_bubble(const std::string& schedule) {
  return says(schedule, "zb") || says(schedule, "zero-bubble") || says(schedule, "zero bubble") ||
         says(schedule, "dualpipe");
}

// Where a row does not say: as many chunks as the software's configurations make of a stage, if they divide it.
int usual_virtual_stages(const TrainingRow& row, const Stack& stack) {
  if (stack.layers_per_chunk == 0 || *row.layers % (*row.pp * stack.layers_per_chunk) != 0) return 1;
  const int micro_batches = *row.global_batch / (*row.dp * *row.micro_batch);
  return micro_batches % *row.pp == 0 ? *row.layers / (*row.pp * stack.layers_per_chunk) : 1;
}

void read_pipeline(const TrainingRow& row, const Scenario& scenario, Plan& plan, std::vector<std::string>& assumed) {
  const Stack& stack = scenario.stack;
  plan.pp = *row.pp;
  if (plan.pp == 1) return;
  plan.virtual_stages = Assumptions{assumed}(row.vpp, "vpp", usual_virtual_stages(row, stack));
  plan.schedule = plan.virtual_stages > 1 ? ScheduleKind::interleaved : ScheduleKind::one_f_one_b;
  if (row.schedule.empty()) assumed.emplace_back("schedule");
  const std::string schedule = lower(row.schedule);
  if (const auto named = schedule_from(schedule); named && (*named == ScheduleKind::gpipe || is_zero_bubble(schedule)))
    plan.schedule = *named;
  if (schedule == "zb-1p" ||
      schedule == "zb-2p") {  // Qi et al. 2023: the automatic schedule under one and two times 1F1B's memory
    plan.schedule = ScheduleKind::zb_auto;
    plan.activation_limit = schedule == "zb-2p" ? 2 : 1;
  }
  plan.virtual_stages = std::max(plan.virtual_stages, traits(plan.schedule).least_virtual_stages);
  if (row.stages.empty() && stack.cuts_by_weights && plan.virtual_stages == 1) {
    plan.cut = StageCut::list;
    plan.stages = chunks_by_weights(scenario.model, plan.pp);
    return;
  }
  // Megatron counts the embedding and the head as a layer each where the layers alone do not divide.
  const int chunks = plan.pp * plan.virtual_stages;
  const bool with_ends = *row.layers % chunks != 0 && (*row.layers + 2) % chunks == 0;
  if (with_ends || row.stages == "even_with_ends") plan.cut = StageCut::even_with_ends;
}

// How states are sharded: as stated, or as the stack does; never over a single replica.
void read_sharding(const TrainingRow& row, const Stack& stack, Plan& plan, std::vector<std::string>& assumed) {
  const int zero = Assumptions{assumed}(row.zero, "zero", plan.pp > 1 ? std::min(stack.zero, 1) : stack.zero);
  plan.zero = plan.dp * plan.cp > 1 ? zero : 0;
}

Plan read_plan(const TrainingRow& row, const Scenario& scenario, std::vector<std::string>& assumed) {
  const Stack& stack = scenario.stack;
  Assumptions assume{assumed};
  Plan plan;
  plan.tp = *row.tp;
  plan.dp = *row.dp;
  plan.cp = assume(row.cp, "cp", 1);
  plan.ep = row.experts.value_or(0) > 0 ? assume(row.ep, "ep", 1) : row.ep.value_or(1);
  plan.micro_batch = *row.micro_batch;
  if (plan.tp > 1) plan.sp = assume(row.sp, "sp", stack.sequence_parallel ? 1 : 0) == 1;
  if (plan.cp > 1 && says(row.overlap, "cp a2a")) {
    plan.cp_kind = CpKind::ulysses;
  }
  read_pipeline(row, scenario, plan, assumed);
  read_sharding(row, stack, plan, assumed);
  plan.recompute = assume(recompute_from(lower(row.recompute)), "recompute", Recompute::none);
  plan.overlap = read_overlap(row);
  if (const auto techniques = techniques_of(row)) plan.offload.activations = techniques->offloaded_activations;
  return plan;
}

}  // namespace

Result<RunReader> RunReader::make() {
  RunReader reader;
  for (const std::string& name : model_names()) {
    Result<Model> model = find_model(name);
    if (!model) return fail(model.error());
    if (!model->blocks.empty()) reader.models_.push_back(std::move(*model));
  }
  return reader;
}

const Result<Cluster>& RunReader::cluster_of(const std::string& gpu) {
  const auto found = clusters_.find(gpu);
  return found != clusters_.end() ? found->second : clusters_.emplace(gpu, find_cluster(gpu)).first->second;
}

const Result<Stack>& RunReader::stack_named(const std::string& name) {
  const auto found = stacks_.find(name);
  return found != stacks_.end() ? found->second : stacks_.emplace(name, find_stack(name)).first->second;
}

bool RunReader::names_stack(const TrainingRow& row) {
  return !row.stack.empty() && !is_path(row.stack) && stack_named(row.stack);
}

// The fork whose schedule it is, and the version of that year where the catalogue has one ("torchtitan-2024").
std::string RunReader::stack_of(const TrainingRow& row) {
  if (!names_stack(row)) return usual_stack;
  const std::string name = stack_named(row.stack)->name;
  if (name == "megatron-lm" && is_zero_bubble(row.schedule)) return "megatron-zero-bubble";
  const std::string version = row.year ? fmt::format("{}-{}", name, *row.year) : name;
  const Result<Stack>& of_year = stack_named(version);
  return of_year && of_year->name == version ? version : name;
}

ReadRun RunReader::read(const TrainingRow& row) {
  ReadRun run;
  const auto skip = [&run](std::string reason) {
    run.skipped = std::move(reason);
    return run;
  };
  if (!row.unreadable.empty()) return skip(row.unreadable);
  if (const auto missing = unstated(row); !missing.empty()) return skip("not stated: " + join(missing, ", "));
  if (std::string word = unknown_word(row, row.stack.empty() || names_stack(row)); !word.empty())
    return skip(std::move(word));
  if (is_unpacked(row)) return skip("not stated: seq (padded data: the sequence is a maximum)");
  const double devices = double{1} * *row.tp * *row.pp * *row.dp * row.cp.value_or(1);
  if (devices != *row.gpus)
    return skip(fmt::format("not a valid plan: tp x cp x dp x pp is {}, not the {} devices", devices, *row.gpus));

  RowModel model = model_of(row, models_);
  if (!model.refused.empty()) return skip(model.refused);
  run.assumed = std::move(model.assumed);
  Scenario& s = run.scenario;
  s.model = std::move(model.model);

  const bool is_name = !row.gpu.empty() && !is_path(row.gpu);
  if (!is_name || !cluster_of(row.gpu)) return skip(fmt::format("gpu '{}' not in the catalogue", row.gpu));
  s.gpus = *row.gpus;
  const Interconnect interconnect = parse_interconnect(row.interconnect);
  if (!interconnect.says_network() && s.gpus > 1) run.assumed.emplace_back("interconnect");
  s.cluster = with_interconnect(*cluster_of(row.gpu), interconnect, s.gpus);

  if (!names_stack(row)) run.assumed.emplace_back("stack");
  const Result<Stack>& stack = stack_named(stack_of(row));
  if (!stack) return skip(stack.error().front().message);
  s.stack = *stack;
  read_software(row, s.stack);
  s.job = {.sequence = *row.seq, .global_batch = *row.global_batch, .tuning = read_tuning(row, s.stack, run.assumed)};
  s.job.kind = lower(row.tuning) == "full" || has_frozen_base(s.job.tuning) ? JobKind::finetune : JobKind::pretrain;
  s.job.dtype = read_dtype(row, s.stack, run.assumed);
  if (s.job.tuning.kind == TuningKind::qlora && s.job.dtype == DType::fp8)
    return skip("qlora does not multiply in fp8");
  if (const Problems problems = check(s.job.tuning, s.model); !problems.empty()) return skip(problems.front().message);
  run.plan = read_plan(row, s, run.assumed);
  // Software that fills the bubble validates its update afterwards: stages do not wait for each other between steps (Qi
  // et al. 2023, section 4).
  if (is_zero_bubble(lower(row.schedule))) s.stack.steps_synchronize = false;
  run.recompute_unstated = !recompute_from(lower(row.recompute));
  return run;
}

}  // namespace forerun

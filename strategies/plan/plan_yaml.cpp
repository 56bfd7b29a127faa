#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "base/files/yaml.hpp"
#include "hardware/catalog.hpp"
#include "hardware/yaml_fields.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/plan_file.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun {
namespace {

constexpr int most_devices = 1 << 20;

int count(MapReader& map, const char* key) {
  return map.optional(key, [](const YamlNode& n) { return static_cast<int>(n.integer(1, most_devices)); }).value_or(1);
}

template <class E>
E choice(MapReader& map, const char* key, E fallback, std::initializer_list<E> all) {
  std::vector<std::string> names;
  for (const E e : all) names.emplace_back(to_string(e));
  const auto index = map.optional(key, [&](const YamlNode& n) { return n.one_of(names); });
  return index ? *(all.begin() + *index) : fallback;
}

Stage read_stage(const YamlNode& node) {
  if (!node.is_map()) return {.blocks = static_cast<int>(node.integer(0, 100000))};
  MapReader map = node.map();
  Stage stage{.blocks = static_cast<int>(map.required("blocks").integer(0, 100000))};
  stage.tp = map.optional("tp", [](const YamlNode& n) { return static_cast<int>(n.integer(1, most_devices)); });
  stage.micro_batch =
      map.optional("micro_batch", [](const YamlNode& n) { return static_cast<int>(n.integer(1, most_devices)); });
  stage.device = map.optional("device", [](const YamlNode& n) { return n.text(); });
  map.finish();
  return stage;
}

void read_stages(const YamlNode& node, Plan& plan) {
  if (node.is_sequence()) {
    plan.cut = StageCut::list;
    for (const YamlNode& item : node.items()) plan.stages.push_back(read_stage(item));
    return;
  }
  plan.cut = static_cast<StageCut>(node.one_of({"even", "even_with_ends"}));
}

std::optional<bool> flag(MapReader& map, const char* key) {
  return map.optional(key, [](const YamlNode& n) { return n.boolean(); });
}

OverlapChoice read_overlap(const YamlNode& node) {
  MapReader map = node.map();
  const OverlapChoice overlap{.tp = flag(map, "tp"),
                              .cp = flag(map, "cp"),
                              .ep = flag(map, "ep"),
                              .dp = flag(map, "dp"),
                              .pp = flag(map, "pp")};
  map.finish();
  return overlap;
}

Offload read_offload(const YamlNode& node) {
  MapReader map = node.map();
  const Offload offload{.optimizer = flag(map, "optimizer").value_or(false),
                        .activations = flag(map, "activations").value_or(false)};
  map.finish();
  return offload;
}

// What a plan leaves out is what the stack does by default.
Plan read_plan(const YamlNode& node, const Stack& stack) {
  MapReader map = node.map();
  Plan plan;
  plan.tp = count(map, "tp");
  plan.sp = flag(map, "sp").value_or(stack.sequence_parallel && plan.tp > 1);
  plan.cp = count(map, "cp");
  plan.cp_kind = choice(map, "cp_kind", CpKind::ring, {CpKind::all_gather, CpKind::ring, CpKind::ulysses});
  plan.pp = count(map, "pp");
  plan.virtual_stages = count(map, "virtual_stages");
  plan.schedule =
      choice(map, "schedule", plan.virtual_stages > 1 ? ScheduleKind::interleaved : ScheduleKind::one_f_one_b,
             {ScheduleKind::gpipe, ScheduleKind::one_f_one_b, ScheduleKind::interleaved, ScheduleKind::zb_h1,
              ScheduleKind::zb_h2, ScheduleKind::zb_v, ScheduleKind::dualpipe, ScheduleKind::zb_auto});
  plan.activation_limit =
      map.optional("activation_limit", [](const YamlNode& n) { return n.number(1, 64); }).value_or(1);
  if (const auto stages = map.optional("stages")) read_stages(*stages, plan);
  plan.ep = count(map, "ep");
  plan.etp = count(map, "etp");
  plan.dp = count(map, "dp");
  plan.zero = static_cast<int>(map.optional("zero", [](const YamlNode& n) { return n.integer(0, 3); })
                                   .value_or(plan.dp > 1 || plan.cp > 1 ? stack.zero : 0));
  plan.sharding_group = static_cast<int>(
      map.optional("sharding_group", [](const YamlNode& n) { return n.integer(1, most_devices); }).value_or(0));
  plan.micro_batch = count(map, "micro_batch");
  plan.recompute = choice(map, "recompute", Recompute::none, {Recompute::none, Recompute::selective, Recompute::full});
  plan.offload = map.optional("offload", read_offload).value_or(Offload{});
  plan.overlap = map.optional("overlap", read_overlap).value_or(OverlapChoice{});
  if (const auto order = map.optional("order"); order && order->text() != "tp-cp-dp-pp") {
    order->report(fmt::format("order '{}' of the dimensions is not modelled yet", order->text()),
                  "write tp-cp-dp-pp, or leave it out");
  }
  map.finish();
  return plan;
}

// A name stays; a path is taken from the file that names it.
std::string resolve(const std::string& name, const std::string& file) {
  const bool path = name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".json");
  if (!path || std::filesystem::path(name).is_absolute()) return name;
  const std::filesystem::path beside = std::filesystem::path(file).parent_path() / name;
  return std::filesystem::exists(beside) ? beside.string() : name;  // "meta-llama/Llama-3" is a name with a slash
}

bool is_path(const std::string& name) {
  const bool looks_so = name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".json");
  return looks_so && std::filesystem::exists(name);
}

std::string named(const std::string& resolved) {
  return is_path(resolved) ? std::filesystem::absolute(resolved).lexically_normal().string() : resolved;
}

// Looks a name up; what the catalogue says about it is reported where the name stands.
template <class T, class Find>
T look_up(const YamlNode& node, const std::string& file, Find find, std::string& name, Problems& elsewhere) {
  const std::string text = node.text();
  if (text.empty()) {
    if (node.is_scalar()) node.report("the name is empty", "write a name of the catalogue, or a path");
    return T{};
  }
  name = named(resolve(text, file));
  Result<T> found = find(name);
  if (found) return *std::move(found);
  for (const Problem& problem : found.error()) {
    if (problem.at.file.empty()) {
      node.report(problem.message, problem.hint);
    } else {
      elsewhere.push_back(problem);
    }
  }
  return T{};
}

void read_cluster_use(const YamlNode& node, const std::string& path, PlanFile& file, Problems& elsewhere) {
  MapReader map = node.map();
  file.scenario.cluster = look_up<Cluster>(map.required("use"), path, find_cluster, file.cluster, elsewhere);
  file.scenario.gpus = static_cast<int>(map.required("gpus").integer(1, most_devices));
  map.finish();
}

}  // namespace

namespace {

Result<PlanFile> read(Result<YamlDocument> document, const std::string& path) {
  if (!document) return fail(document.error());
  PlanFile file;
  Problems elsewhere;
  MapReader map = document->root().map();
  const YamlNode model = map.required("model");
  file.scenario.model = look_up<Model>(model, path, find_model, file.model, elsewhere);
  read_cluster_use(map.required("cluster"), path, file, elsewhere);
  if (const auto stack = map.optional("stack")) {
    file.scenario.stack = look_up<Stack>(*stack, path, find_stack, file.stack, elsewhere);
  } else {
    file.scenario.stack = *find_stack("megatron-core");
  }
  const YamlNode job = map.required("job");
  file.scenario.job = read_job(job);
  file.scenario.job.tuning = completed(file.scenario.job.tuning, file.scenario.stack);
  const YamlNode plan = map.required("plan");
  file.plan = read_plan(plan, file.scenario.stack);
  map.finish();
  Problems problems = document->problems();
  problems.insert(problems.end(), elsewhere.begin(), elsewhere.end());
  if (!problems.empty()) return fail(std::move(problems));
  for (Problem& problem : check(file.scenario.job.tuning, file.scenario.model)) {
    problem.at = job.position();
    problems.push_back(std::move(problem));
  }
  Problems reasons = check_plan(file.scenario, file.plan);
  for (Problem& problem : check_stack(file.scenario.stack, file.plan)) reasons.push_back(std::move(problem));
  for (Problem& problem : reasons) {
    problem.at = plan.position();
    problems.push_back(std::move(problem));
  }
  if (!problems.empty()) return fail(std::move(problems));
  return file;
}

}  // namespace

Result<PlanFile> read_plan_file(const std::string& path) { return read(YamlDocument::load(path), path); }
Result<PlanFile> parse_plan_file(std::string text, const std::string& name) {
  return read(YamlDocument::parse(std::move(text), name), name);
}

namespace {

// In quotes where YAML could misread it: paths may hold anything.
std::string safe(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  };
  return std::all_of(text.begin(), text.end(), plain) ? text : yaml_word(text);
}

std::string stages_text(const Plan& plan) {
  if (plan.cut != StageCut::list) return std::string(to_string(plan.cut));
  std::string text;
  for (const Stage& stage : plan.stages) text += fmt::format("{}{}", text.empty() ? "" : ", ", stage.blocks);
  return "[" + text + "]";
}

std::string overlap_text(const OverlapChoice& overlap) {
  std::string text;
  const auto add = [&](const char* key, const std::optional<bool>& choice_made) {
    if (choice_made) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, *choice_made);
  };
  add("tp", overlap.tp), add("cp", overlap.cp), add("ep", overlap.ep), add("dp", overlap.dp), add("pp", overlap.pp);
  return text.empty() ? "" : ", overlap: {" + text + "}";
}

// What most plans leave out.
std::string rare_text(const Plan& p) {
  std::string text;
  if (p.activation_limit != 1) text += fmt::format(", activation_limit: {}", p.activation_limit);
  if (p.etp != 1) text += fmt::format(", etp: {}", p.etp);
  if (p.sharding_group != 0) text += fmt::format(", sharding_group: {}", p.sharding_group);
  if (p.offload.optimizer || p.offload.activations)
    text += fmt::format(", offload: {{optimizer: {}, activations: {}}}", p.offload.optimizer, p.offload.activations);
  return text;
}

}  // namespace

std::string to_yaml(const PlanFile& file) {
  const Scenario& s = file.scenario;
  const Plan& p = file.plan;
  const auto name = [](const std::string& given, const std::string& own) { return safe(given.empty() ? own : given); };
  std::string text =
      fmt::format("model: {}\ncluster: {{use: {}, gpus: {}}}\nstack: {}\n", name(file.model, s.model.name),
                  name(file.cluster, s.cluster.name), s.gpus, name(file.stack, s.stack.name));
  text += fmt::format("job: {{kind: {}, sequence: {}, global_batch: {}, dtype: {}, optimizer: {}{}{}}}\n",
                      to_string(s.job.kind), s.job.sequence, s.job.global_batch, to_string(s.job.dtype),
                      to_string(s.job.optimizer), to_yaml(s.job.tuning),
                      s.job.expert_skew != 1 ? fmt::format(", expert_skew: {}", s.job.expert_skew) : "");
  text += fmt::format(
      "plan: {{tp: {}, sp: {}, cp: {}, cp_kind: {}, pp: {}, virtual_stages: {}, schedule: {}, stages: {}, ep: {}, dp: "
      "{}, zero: {}, "
      "micro_batch: {}, recompute: {}{}{}}}\n",
      p.tp, p.sp, p.cp, to_string(p.cp_kind), p.pp, p.virtual_stages, to_string(p.schedule), stages_text(p), p.ep, p.dp,
      p.zero, p.micro_batch, to_string(p.recompute), rare_text(p), overlap_text(p.overlap));
  return text;
}

}  // namespace forerun

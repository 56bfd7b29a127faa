#include "base/files/file_kind.hpp"
#include "base/files/name_or_path.hpp"
#include "base/files/yaml.hpp"
#include "hardware/catalog.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/plan_fields.hpp"
#include "strategies/plan/plan_file.hpp"
#include "workloads/jobs/job_fields.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun {
namespace {

using namespace fields;

constexpr const char* usual_stack = "megatron-core";

// A plan file while it is read, and what is wrong with the files that it names.
struct Draft {
  PlanFile file;
  Problems elsewhere;
};

// Looks a name up; what the catalogue says about it is reported where the name stands.
template <class T, class Find>
void look_up(const YamlNode& node, Find find, std::string& name, T& value, Problems& elsewhere) {
  const std::string text = node.text();
  if (text.empty()) {
    if (node.is_scalar()) node.report("the name is empty", "write a name of the catalogue, or a path");
    return;
  }
  name = lasting(beside(text, node.position().file));
  Result<T> found = find(name);
  if (found) {
    value = *std::move(found);
    return;
  }
  for (const Problem& problem : found.error()) {
    if (problem.at.file.empty()) {
      node.report(problem.message, problem.hint);
    } else {
      elsewhere.push_back(problem);
    }
  }
}

// A value that a file names: as the user named it, or its own name.
template <class T>
Kind<Draft> named(Result<T> (*find)(const std::string&), std::string PlanFile::* name, T Scenario::* value) {
  return {.words = {"name or path", "", ""},
          .read =
              [=](Draft& draft, const YamlNode& node) {
                look_up(node, find, draft.file.*name, draft.file.scenario.*value, draft.elsewhere);
              },
          .write =
              [=](const Draft& draft, Defaults) {
                const std::string& given = draft.file.*name;
                return Value{given.empty() ? (draft.file.scenario.*value).name : given};
              }};
}

// Rank and targets of a low-rank job are the stack's where it does not say.
Kind<Draft> job() {
  Kind<Draft> kind{.words = {"map", "", ""}, .read = {}, .write = {}, .inside = job_fields().infos()};
  kind.read = [](Draft& draft, const YamlNode& node) {
    Scenario& scenario = draft.file.scenario;
    Given given;
    scenario.job = job_fields().read(node, &given);
    if (!given.contains("dtype")) scenario.job.dtype = scenario.stack.dtype;
    scenario.job.tuning = completed(scenario.job.tuning, scenario.stack);
  };
  kind.write = [](const Draft& draft, Defaults rare) { return job_fields().write(draft.file.scenario.job, rare); };
  kind.read_inside = [](Draft& draft, std::string_view path, const YamlNode& node) {
    return job_fields().read_at(draft.file.scenario.job, path, node);
  };
  return kind;
}

// What a plan leaves out is what the stack does by default.
Plan read_plan(const YamlNode& node, const Stack& stack) {
  Given given;
  Plan plan = plan_fields().read(node, &given);
  if (!given.contains("sp")) plan.sp = stack.sequence_parallel && plan.tp > 1;
  if (!given.contains("zero")) plan.zero = plan.dp > 1 || plan.cp > 1 ? stack.zero : 0;
  if (!given.contains("zero_exchange") && plan.pp > 1 && plan.zero >= 2) plan.zero_exchange = stack.zero_in_pipelines;
  return plan;
}

Kind<Draft> plan() {
  Kind<Draft> kind{.words = {"map", "", ""}, .read = {}, .write = {}, .inside = plan_fields().infos()};
  kind.read = [](Draft& draft, const YamlNode& node) { draft.file.plan = read_plan(node, draft.file.scenario.stack); };
  kind.write = [](const Draft& draft, Defaults rare) { return plan_fields().write(draft.file.plan, rare); };
  kind.read_inside = [](Draft& draft, std::string_view path, const YamlNode& node) {
    return plan_fields().read_at(draft.file.plan, path, node);
  };
  return kind;
}

const Table<Draft>& cluster_fields() {
  static const Table<Draft> table =
      Table<Draft>()
          .required("use", std::identity{}, named(find_cluster, &PlanFile::cluster, &Scenario::cluster),
                    "a cluster of the catalogue, or a device, which stands for its usual cluster")
          .required(
              "gpus", [](auto& draft) -> auto& { return draft.file.scenario.gpus; }, integer(1, most_devices),
              "devices of it");
  return table;
}

// The stack goes before the job and the plan, whose defaults are its.
const Table<Draft>& file_fields() {
  static const Table<Draft> table =
      Table<Draft>()
          .required("model", std::identity{}, named(find_model, &PlanFile::model, &Scenario::model),
                    "a model of the catalogue, or a Hugging Face config.json")
          .required("cluster", std::identity{}, nested(cluster_fields()), "the devices")
          .usual("stack", std::identity{}, named(find_stack, &PlanFile::stack, &Scenario::stack),
                 "the software whose constants apply")
          .otherwise(usual_stack, [](Draft& draft) { draft.file.scenario.stack = *find_stack(usual_stack); })
          .required("job", std::identity{}, job(), "what is to be done")
          .required("plan", std::identity{}, plan(), "how it is spread over the devices");
  return table;
}

// What contradicts the model, the machine or the software, at the part of the file that could say otherwise.
Problems contradictions(const PlanFile& file, MapReader map) {
  Problems problems;
  const auto add = [&](Problems found, const std::string& key) {
    for (Problem& problem : found) {
      problem.at = map.required(key).position();
      problems.push_back(std::move(problem));
    }
  };
  add(check(file.scenario.job.tuning, file.scenario.model), "job");
  add(check_plan(file.scenario, file.plan), "plan");
  add(check_stack(file.scenario, file.plan), "plan");
  return problems;
}

Result<PlanFile> read(Result<YamlDocument> document) {
  if (!document) return fail(document.error());
  if (Problems wrong = wrong_kind(*document, FileKind::plan); !wrong.empty()) return fail(std::move(wrong));
  Draft draft = file_fields().read(document->root());
  Problems problems = document->problems();
  problems.insert(problems.end(), draft.elsewhere.begin(), draft.elsewhere.end());
  if (problems.empty()) problems = contradictions(draft.file, document->root().map());
  if (!problems.empty()) return fail(std::move(problems));
  return std::move(draft.file);
}

}  // namespace

Result<PlanFile> read_plan_file(const std::string& path) { return read(YamlDocument::load(path)); }
Result<PlanFile> parse_plan_file(std::string text, const std::string& name) {
  return read(YamlDocument::parse(std::move(text), name));
}

std::string to_yaml(const PlanFile& file) {
  const Value written = file_fields().write({file, {}});
  std::string text;
  for (const auto& [key, value] : std::get<Value::Map>(written.is)) text += key + ": " + flow_yaml(value) + "\n";
  return text;
}

std::vector<Info> plan_file_keys() { return file_fields().infos(); }

Result<Value> get(const PlanFile& file, std::string_view path) { return file_fields().get({file, {}}, path); }

Result<void> set(PlanFile& file, std::string_view path, const std::string& text) {
  Draft draft{file, {}};
  const Result<void> done = file_fields().set(draft, path, text);
  if (!done) return done;
  if (!draft.elsewhere.empty()) return fail(std::move(draft.elsewhere));
  file = std::move(draft.file);
  return {};
}

}  // namespace forerun

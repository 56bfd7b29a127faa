// plan.yaml: a scenario and a plan in one file, as `forerun plan --save` writes and the other verbs read it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fields/kind.hpp"
#include "base/result.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

struct PlanFile {
  Scenario scenario;
  Plan plan;
  // How the user named them: catalogue names, or absolute paths. Empty: the scenario's own names.
  std::string model, cluster, stack;
};

// Names may be paths, relative to the file. All problems of the file at once, those of check_plan included.
Result<PlanFile> read_plan_file(const std::string& path);
// The same of a text; `name` stands in messages, and relative paths are taken from its folder.
Result<PlanFile> parse_plan_file(std::string text, const std::string& name);

// read_plan_file of the text gives the same scenario and plan; model, cluster and stack are written as they were named.
std::string to_yaml(const PlanFile&);

// Keys of a plan file, those of its job and plan included: "cluster.gpus", "plan.tp".
std::vector<fields::Info> plan_file_keys();
// What a file could say under one of them. Setting reads the text as a file's value, and changes nothing where that is
// refused; whether the plan still makes sense afterwards, check_plan says.
Result<fields::Value> get(const PlanFile&, std::string_view path);
Result<void> set(PlanFile&, std::string_view path, const std::string& text);

}  // namespace forerun

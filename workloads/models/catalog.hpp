// The models that come with forerun, found by name or alias, or read from a file.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

std::vector<std::string> model_names();  // sorted

// `name_or_path`: a name or alias (case and '-', '_', ' ' ignored; an alias with an owner, "owner/model", also without
// it), a path to our YAML (.yaml, .yml), to a Hugging Face config (.json), or to a folder with a config.json.
Result<Model> find_model(const std::string& name_or_path);

}  // namespace forerun

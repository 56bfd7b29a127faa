// A Hugging Face config.json as a Model.
#pragma once

#include <string>

#include "base/result.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

// Families: llama, mistral, mixtral, qwen2, qwen3, qwen3_moe, deepseek_v2, deepseek_v3, kimi_k2, gpt2 (by
// `model_type`). Keys that do not change shapes are ignored; a model_type that is not known, or a feature that changes
// shapes and is not modelled, is a Problem. The model is called by `_name_or_path` if that is a repository, else by the
// folder of a config.json, else by the file: llama3-8b.config.json.
Result<Model> read_hugging_face(const std::string& path);
bool is_hugging_face(const std::string& path);  // a .json file

}  // namespace forerun

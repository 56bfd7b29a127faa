#include "workloads/models/hugging_face.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/files/file_kind.hpp"
#include "base/text.hpp"
#include "workloads/models/hugging_face_config.hpp"

namespace forerun {
namespace {

// The training run's own path says nothing to others; a repository ("meta-llama/Meta-Llama-3-8B") does.
bool is_repository(const std::string& name) {
  return !name.empty() && name.front() != '/' && name.front() != '.' && name.front() != '~' &&
         std::count(name.begin(), name.end(), '/') <= 1;
}

std::string model_name(const std::string& path, const std::string& name_or_path) {
  if (is_repository(name_or_path)) return name_or_path.substr(name_or_path.rfind('/') + 1);
  std::error_code ignored;
  const auto file = std::filesystem::absolute(path, ignored).lexically_normal();
  const auto folder = file.parent_path().filename();
  if (file.filename() == "config.json" && !folder.empty()) return folder.string();
  std::string stem = file.stem().string();
  if (constexpr std::string_view suffix = ".config"; stem.ends_with(suffix)) stem.resize(stem.size() - suffix.size());
  return stem;
}

// Features that any family may switch on, which change shapes, and which no family here has.
void refuse_unmodelled(HuggingFaceConfig& config) {
  for (const char* key : {"is_encoder_decoder", "add_cross_attention"}) {
    if (config.flag(key))
      config.report(key, fmt::format("'{}' is not modelled", key), "forerun reads decoder-only language models");
  }
  for (const char* key : {"vision_config", "audio_config", "text_config"}) {
    if (!config.has(key)) continue;
    config.report(key, fmt::format("'{}': a model of more than text is not modelled", key),
                  "write its text model as a model YAML");
  }
  const auto architectures = config.words("architectures");
  if (!architectures || architectures->empty()) return;
  const std::string& architecture = architectures->front();
  if (!architecture.ends_with("ForCausalLM") && !architecture.ends_with("LMHeadModel")) {
    config.report("architectures", fmt::format("'{}' has another head than a language model's", architecture),
                  "forerun reads ...ForCausalLM and ...LMHeadModel");
  }
}

}  // namespace

bool is_hugging_face(const std::string& path) { return path.ends_with(".json"); }

Result<Model> read_hugging_face(const std::string& path) {
  const auto document = YamlDocument::load(path);
  if (!document) return fail(document.error());
  if (Problems wrong = wrong_kind(*document, FileKind::model); !wrong.empty()) return fail(std::move(wrong));
  HuggingFaceConfig config(document->root());
  if (!document->problems().empty()) return fail(document->problems());

  const auto model_type = config.text("model_type");
  const auto families = hugging_face_families();
  if (model_type.empty() && document->problems().empty()) {
    return fail(Problem{{path, 0, 0}, "no 'model_type'", "is this the config.json of a Hugging Face model?"});
  }
  if (std::find(families.begin(), families.end(), model_type) == families.end()) {
    config.report("model_type", fmt::format("model_type '{}' is not one that forerun reads", model_type),
                  suggestion(model_type, families));
    return fail(document->problems());
  }
  refuse_unmodelled(config);
  Model model = read_family(model_type, config);
  model.name = model_name(path, config.text("_name_or_path"));
  model.source = path;
  if (!document->problems().empty()) return fail(document->problems());
  if (auto problems = check(model); !problems.empty()) {
    for (auto& problem : problems) problem.at.file = path;
    return fail(std::move(problems));
  }
  return model;
}

}  // namespace forerun

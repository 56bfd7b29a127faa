#include "workloads/models/catalog.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/files/embedded.hpp"
#include "base/files/file_kind.hpp"
#include "base/files/name_or_path.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"
#include "workloads/models/hugging_face.hpp"

namespace forerun {
namespace {

constexpr std::string_view folder = "workloads/catalog/";
constexpr std::string_view extension = ".yaml";

std::vector<EmbeddedFile> model_files() {
  std::vector<EmbeddedFile> files;
  for (const auto& file : embedded_workloads()) {
    if (file.path.starts_with(folder) && file.path.ends_with(extension)) files.push_back(file);
  }
  return files;
}

std::string stem(const EmbeddedFile& file) {
  return std::string(file.path.substr(folder.size(), file.path.size() - folder.size() - extension.size()));
}

// "Meta-Llama 3_8B" and "metallama38b" are one spelling.
std::string spelling(std::string_view name) {
  std::string out = lower(name);
  std::erase_if(out, [](char c) { return c == '-' || c == '_' || c == ' '; });
  return out;
}

Result<Model> read_document(const Result<YamlDocument>& document) {
  if (!document) return fail(document.error());
  if (Problems wrong = wrong_kind(*document, FileKind::model); !wrong.empty()) return fail(std::move(wrong));
  Model model = read_model(document->root());
  if (!document->problems().empty()) return fail(document->problems());
  return model;
}

Result<Model> read_embedded(const EmbeddedFile& file) {
  return read_document(YamlDocument::parse(std::string(file.text), std::string(file.path)));
}

bool is_called(const Model& model, const std::string& wanted) {
  return std::any_of(model.aliases.begin(), model.aliases.end(), [&](const std::string& alias) {
    return spelling(alias) == wanted || spelling(alias.substr(alias.rfind('/') + 1)) == wanted;
  });
}

std::optional<Result<Model>> find_in_catalog(const std::string& name) {
  const auto files = model_files();
  const auto wanted = spelling(name);
  for (const auto& file : files) {
    if (spelling(stem(file)) == wanted) return read_embedded(file);
  }
  // Names are the files' names; for an alias, every file has to be read.
  for (const auto& file : files) {
    auto model = read_embedded(file);
    if (!model || is_called(*model, wanted)) return model;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& file : model_files()) names.push_back(stem(file));
  std::sort(names.begin(), names.end());
  return names;
}

Result<Model> find_model(const std::string& name_or_path) {
  if (is_hugging_face(name_or_path)) return read_hugging_face(name_or_path);
  if (names_file(name_or_path)) return read_document(YamlDocument::load(name_or_path));
  if (!spelling(name_or_path).empty()) {
    if (auto found = find_in_catalog(name_or_path)) return *found;
  }
  const auto config = std::filesystem::path(name_or_path) / "config.json";
  std::error_code ignored;  // a name that no file system can hold is no folder either
  if (!name_or_path.empty() && std::filesystem::is_regular_file(config, ignored))
    return read_hugging_face(config.string());
  return fail(Problem{{},
                      "no model " + quoted(name_or_path),
                      suggestion(name_or_path, model_names()) +
                          " Or give a path to a model's .yaml or to a Hugging Face config.json."});
}

}  // namespace forerun

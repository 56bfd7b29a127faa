#include "base/files/embedded.hpp"
#include "base/files/file_kind.hpp"
#include "base/files/name_or_path.hpp"
#include "base/files/text_file.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"
#include "costmodel/stacks/stack_fields.hpp"
#include "costmodel/stacks/stack_parameters.hpp"

namespace forerun {
namespace {

StackFile read(const YamlNode& node) {
  StackFile file{stack_fields().read(node), std::nullopt};
  if (node.is_map()) file.fit = node.map().optional("fitted", read_stack_fit);
  return file;
}

Result<StackFile> from(Result<YamlDocument> document) {
  if (!document) return fail(document.error());
  if (Problems wrong = wrong_kind(*document, FileKind::stack); !wrong.empty()) return fail(std::move(wrong));
  StackFile file = read(document->root());
  if (!document->problems().empty()) return fail(document->problems());
  return file;
}

std::vector<EmbeddedFile> stack_files() {
  std::vector<EmbeddedFile> files;
  for (const EmbeddedFile& file : embedded_costmodel()) {
    if (file.path.starts_with("costmodel/data/stacks/")) files.push_back(file);
  }
  return files;
}

std::string stem(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return std::string(path.substr(0, path.rfind('.')));
}

Result<StackFile> parse(const EmbeddedFile& file) {
  return from(YamlDocument::parse(std::string(file.text), std::string(file.path)));
}

// By file name, else by alias.
Result<EmbeddedFile> file_of(const std::string& name) {
  const std::string wanted = lower(name);
  for (const EmbeddedFile& file : stack_files()) {
    if (stem(file.path) == wanted) return file;
  }
  for (const EmbeddedFile& file : stack_files()) {
    const Result<StackFile> stack = parse(file);
    if (!stack) return fail(stack.error());
    for (const std::string& alias : stack->stated.aliases) {
      if (lower(alias) == wanted) return file;
    }
  }
  return fail(Problem{{}, "no software stack " + quoted(name), suggestion(name, stack_names())});
}

}  // namespace

Stack fitted(StackFile file) {
  if (file.fit) apply(*file.fit, file.stated);
  return std::move(file.stated);
}

Stack read_stack(const YamlNode& node) { return fitted(read(node)); }

std::string to_yaml(const StackFile& file) {
  return to_yaml(file.stated) + (file.fit ? to_yaml(*file.fit) : std::string());
}

std::vector<std::string> stack_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : stack_files()) names.push_back(stem(file.path));
  return names;
}

Result<StackFile> find_stack_file(const std::string& name_or_path) {
  if (is_path(name_or_path)) return from(YamlDocument::load(name_or_path));
  const Result<EmbeddedFile> file = file_of(name_or_path);
  if (!file) return fail(file.error());
  return parse(*file);
}

Result<Stack> find_stack(const std::string& name_or_path) { return find_stack_file(name_or_path).map(fitted); }
Result<Stack> find_stated_stack(const std::string& name_or_path) {
  return find_stack_file(name_or_path).map([](StackFile file) { return std::move(file.stated); });
}
Result<std::optional<StackFitRecord>> find_stack_fit(const std::string& name_or_path) {
  return find_stack_file(name_or_path).map([](StackFile file) { return std::move(file.fit); });
}

Result<std::string> stack_text_with(const std::string& name_or_path, const StackFitRecord& record) {
  std::string text;
  if (is_path(name_or_path)) {
    const Result<std::string> read = read_text_file(name_or_path);
    if (!read) return fail(read.error());
    text = *read;
  } else {
    const Result<EmbeddedFile> file = file_of(name_or_path);
    if (!file) return fail(file.error());
    text = std::string(file->text);
  }
  const auto line_of = [&text](std::size_t from) {
    return text.find('\n', from) == std::string::npos ? text.size() : text.find('\n', from) + 1;
  };
  if (std::size_t begin = text.starts_with("fitted:") ? 0 : text.find("\nfitted:"); begin != std::string::npos) {
    begin += text[begin] == '\n' ? 1 : 0;
    std::size_t end = line_of(begin);
    while (end < text.size() && (text[end] == ' ' || text[end] == '\n')) end = line_of(end);
    text.erase(begin, end - begin);
  }
  if (!text.ends_with('\n')) text += '\n';
  text += to_yaml(record);
  const Result<StackFile> again = from(YamlDocument::parse(text, "the stack with this fit"));
  if (!again) return fail(again.error());
  if (!again->fit || to_yaml(*again->fit) != to_yaml(record))
    return fail(Problem{
        {}, "the record of this fit would be read as another", "write a plainer date and plainer names of sources"});
  return text;
}

}  // namespace forerun

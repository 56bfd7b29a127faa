#include "base/fields/row.hpp"

#include "base/text.hpp"

namespace forerun::fields {

void refuse(const YamlNode& node, const std::string& owner, const Info& row, const std::string& only) {
  node.report(owner + " has no " + row.key, "leave it out, or write " + only);
}

std::vector<Info> with_inside(const Info& row, const std::vector<Info>& inside) {
  std::vector<Info> all{row};
  for (Info info : inside) {
    info.key = row.key + (info.key.starts_with('[') ? "" : ".") + info.key;
    all.push_back(std::move(info));
  }
  return all;
}

namespace {

std::string last_key(std::string_view path) { return std::string(path.substr(path.rfind('.') + 1)); }

Problems of_key(Problems problems, std::string_view path) {
  for (Problem& problem : problems) problem.at = {std::string(path), 0, 0};
  return problems;
}

}  // namespace

Result<Setting> parse_setting(std::string_view path, const std::string& text) {
  const std::string key = last_key(path);
  auto document = YamlDocument::parse(yaml_scalar(key) + ": " + text, std::string(path));
  if (!document) return fail(of_key(std::move(document.error()), path));
  MapReader map = document->root().map();
  const YamlNode node = map.required(key);
  map.finish();
  return Setting{*std::move(document), node};
}

Result<void> problems_of(const Setting& setting, std::string_view path) {
  const Problems& problems = setting.document.problems();
  if (!problems.empty()) return fail(of_key(problems, path));
  return {};
}

Problem no_such_key(std::string_view path, const std::vector<Info>& known) {
  std::vector<std::string> keys(known.size());
  std::transform(known.begin(), known.end(), keys.begin(), [](const Info& info) { return info.key; });
  return {{}, "there is no key " + quoted(path), suggestion(path, keys)};
}

}  // namespace forerun::fields

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <memory>

#include "base/text.hpp"
#include "cli/common.hpp"
#include "costmodel/stacks/stack_fields.hpp"
#include "hardware/catalog.hpp"
#include "reports/catalog/catalog_report.hpp"
#include "reports/key_report.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string kind, name;
  bool json = false;
};

template <class T>
struct Listing {
  std::vector<T> entries;
  Problems problems;
};

// One entry by name or path, or all of them.
template <class T, class Names, class Find>
Listing<T> load(const std::string& name, Names names, Find find) {
  Listing<T> listing;
  for (const std::string& each : name.empty() ? names() : std::vector<std::string>{name}) {
    Result<T> found = find(each);
    if (found) {
      listing.entries.push_back(*std::move(found));
    } else {
      listing.problems.insert(listing.problems.end(), found.error().begin(), found.error().end());
    }
  }
  return listing;
}

template <class T>
int show(const Listing<T>& listing, const Options& o) {
  if (!listing.problems.empty()) return refuse(listing.problems);
  if (o.name.empty() || o.json) {
    print_answer(listing.entries, o.json);
  } else {
    print(details(listing.entries.front()));
  }
  return answered;
}

int show_keys(const Options& o) {
  std::vector<std::string> names;
  for (const KeyTable& table : key_tables()) names.push_back(table.name);
  if (!o.name.empty() && std::ranges::find(names, o.name) == names.end())
    return refuse({{{}, fmt::format("there is no table of keys {}", quoted(o.name)), suggestion(o.name, names)}});
  std::vector<KeyTable> shown = key_tables();
  std::erase_if(shown, [&](const KeyTable& table) { return !o.name.empty() && table.name != o.name; });
  print_answer(shown, o.json);
  return answered;
}

int run(const Options& o) {
  const std::vector<std::string> kinds{"models", "gpus", "clusters", "stacks", "keys"};
  if (std::find(kinds.begin(), kinds.end(), o.kind) == kinds.end()) {
    return refuse({{{}, fmt::format("there is no catalogue of {}", quoted(o.kind)), suggestion(o.kind, kinds)}});
  }
  if (o.kind == "keys") return show_keys(o);
  if (o.kind == "models") return show(load<Model>(o.name, model_names, find_model), o);
  if (o.kind == "gpus") return show(load<Device>(o.name, device_names, find_device), o);
  if (o.kind == "clusters") return show(load<Cluster>(o.name, cluster_names, find_cluster), o);
  return show(load<StackFile>(o.name, stack_names, find_stack_file), o);
}

}  // namespace

void add_catalog(CLI::App& app, int& code) {
  CLI::App* verb =
      app.add_subcommand("catalog", "Models, devices, clusters and software that forerun knows, or a file of yours");
  auto o = std::make_shared<Options>();
  verb->add_option("kind", o->kind, "models, gpus, clusters or stacks; keys: what files may say")
      ->required()
      ->type_name("KIND");
  verb->add_option("name", o->name,
                   "one of them: a name, a YAML file, or a Hugging Face config.json; of keys: plan, job, stack, ...")
      ->type_name("NAME|FILE");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer(
      "Examples:\n  forerun catalog models\n  forerun catalog gpus h100-sxm-80gb\n  forerun catalog models config.json "
      "--json");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

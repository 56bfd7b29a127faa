// Can a plan or cluster file crash us, or be read as something that it does not write back?
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/files/yaml.hpp"
#include "hardware/topology.hpp"
#include "strategies/plan/plan_file.hpp"

namespace {

using namespace forerun;

void check(const Problems& problems) {
  if (problems.empty()) std::abort();  // a refusal without a reason
  for (const Problem& problem : problems) {
    if (problem.message.empty()) std::abort();
  }
}

void read_as_plan(const std::string& text) {
  const auto file = parse_plan_file(text, "fuzz.yaml");
  if (!file) return check(file.error());
  const auto again = parse_plan_file(to_yaml(*file), "again.yaml");
  if (!again || again->plan != file->plan || again->scenario != file->scenario) std::abort();
}

void read_as_cluster(const std::string& text) {
  const auto document = YamlDocument::parse(text, "fuzz.yaml");
  if (!document) return check(document.error());
  const Cluster cluster = read_cluster(document->root());
  if (!document->problems().empty()) return;
  const auto written = YamlDocument::parse(to_yaml(cluster), "again.yaml");
  if (!written || read_cluster(written->root()) != cluster || !written->problems().empty()) std::abort();
  const auto topology = build_topology(cluster, 16);
  if (!topology) check(topology.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  read_as_plan(text);
  read_as_cluster(text);
  return 0;
}

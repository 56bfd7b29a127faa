// Can a YAML or JSON text crash the reader, hang it, or make it say something that is not so?
#include "base/files/yaml.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/units.hpp"

namespace {

using namespace forerun;

template <class Q>
void read_quantity(const YamlNode& node) {
  const Q value = node.quantity<Q>();
  if (!(value.value() >= 0 && value < Q::infinity())) std::abort();
  const auto back = parse_quantity<Q>(to_yaml(value));
  if (!back || *back != value) std::abort();  // what we write reads back
}

void read_scalar(const YamlNode& node) {
  (void)node.boolean();
  if (const auto value = node.integer(-5, 1000); value < -5 || value > 1000) std::abort();
  if (const auto value = node.number(-1, 1e9); !(value >= -1 && value <= 1e9)) std::abort();
  (void)node.one_of({"bandwidth", "capacity"});
  read_quantity<Bytes>(node);
  read_quantity<Seconds>(node);
  read_quantity<BytesPerSecond>(node);
  read_quantity<DollarsPerSecond>(node);
}

// Asks every node for everything, rightly and wrongly.
void walk(const YamlNode& node) {
  if (node.position().line < 1 || node.position().column < 1) std::abort();
  (void)node.text();
  read_scalar(node);
  for (const YamlNode& item : node.items()) walk(item);
  MapReader map = node.map();
  (void)map.required("name").text();
  (void)map.optional("capacity");
  map.finish();
  for (const auto& [key, value] : node.entries()) walk(value);
}

void read(const std::string& text, const char* name) {
  const auto document = YamlDocument::parse(text, name);
  if (!document) {
    if (document.error().empty()) std::abort();  // a refusal without a reason
    return;
  }
  walk(document->root());
  const Problem* last = nullptr;
  for (const Problem& problem : document->problems()) {
    if (problem.message.empty()) std::abort();
    const bool counts_others = problem.at.line == 0;  // "3 more problems", behind all others
    if (counts_others) {
      if (&problem != &document->problems().back()) std::abort();
      break;
    }
    if (last != nullptr && std::pair(last->at.line, last->at.column) > std::pair(problem.at.line, problem.at.column))
      std::abort();
    last = &problem;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  read(text, "fuzz.yaml");
  read(text, "fuzz.json");
  return 0;
}

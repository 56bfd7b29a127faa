#include <fmt/format.h>

#include "base/text.hpp"
#include "hardware/device.hpp"
#include "hardware/yaml_fields.hpp"

namespace forerun {
namespace {

const std::vector<std::string> vendors{"nvidia", "amd", "intel", "other"};
const std::vector<std::string> families{"volta",     "turing", "ampere", "ada",     "hopper",
                                        "blackwell", "cdna3",  "cpu",    "textbook"};

std::vector<std::string> dtype_names() {
  std::vector<std::string> names;
  for (const DType dtype : all_dtypes) names.emplace_back(to_string(dtype));
  return names;
}

std::map<DType, FlopsPerSecond> read_peaks(const YamlNode& node) {
  std::map<DType, FlopsPerSecond> peaks;
  for (const auto& [key, value] : node.entries()) {
    if (const auto dtype = dtype_from(key)) {
      peaks[*dtype] = positive<FlopsPerSecond>(value);
    } else {
      value.report(quoted(key) + " is not a number format", suggestion(key, dtype_names()));
    }
  }
  if (node.is_map() && node.entries().empty())
    node.report("no format has a peak", "write at least 'fp32: 19.5 TFLOP/s'");
  return peaks;
}

DeviceMemory read_memory(const YamlNode& node) {
  MapReader map = node.map();
  const DeviceMemory memory{.capacity = positive<Bytes>(map.required("capacity")),
                            .bandwidth = positive<BytesPerSecond>(map.required("bandwidth"))};
  map.finish();
  return memory;
}

}  // namespace

Device read_device(const YamlNode& node) {
  MapReader map = node.map();
  Device device;
  device.name = map.required("name").text();
  device.aliases = map.optional("aliases", read_words).value_or(std::vector<std::string>{});
  device.vendor = vendors[map.required("vendor").one_of(vendors)];
  device.family = families[map.required("family").one_of(families)];
  device.peak = read_peaks(map.required("compute"));
  device.memory = read_memory(map.required("memory"));
  device.l2 = map.required("l2").quantity<Bytes>();
  device.sms = static_cast<int>(map.required("sms").integer(1, 100000));
  device.clock = positive<Hertz>(map.required("clock"));
  device.launch_overhead = map.required("launch_overhead").quantity<Seconds>();
  device.concurrent_streams = static_cast<int>(map.required("concurrent_streams").integer(1, 100000));
  device.power = positive<Watts>(map.required("power"));
  device.price = map.optional("price", [](const YamlNode& n) { return n.quantity<DollarsPerSecond>(); });
  device.default_cluster = map.optional("cluster", [](const YamlNode& n) { return n.text(); }).value_or("");
  map.finish();
  return device;
}

std::string to_yaml(const Device& device) {
  std::vector<std::string> peaks;
  for (const auto& [dtype, rate] : device.peak) peaks.push_back(fmt::format("{}: {}", to_string(dtype), to_yaml(rate)));
  std::string out = fmt::format("name: {}\n", yaml_word(device.name));
  if (!device.aliases.empty()) out += fmt::format("aliases: {}\n", flow_list(device.aliases));
  out += fmt::format("vendor: {}\nfamily: {}\ncompute: {{{}}}\n", device.vendor, device.family, join(peaks, ", "));
  out += fmt::format("memory: {{capacity: {}, bandwidth: {}}}\n", to_yaml(device.memory.capacity),
                     to_yaml(device.memory.bandwidth));
  out += fmt::format("l2: {}\nsms: {}\nclock: {}\n", to_yaml(device.l2), device.sms, to_yaml(device.clock));
  out += fmt::format("launch_overhead: {}\nconcurrent_streams: {}\n", to_yaml(device.launch_overhead),
                     device.concurrent_streams);
  out += fmt::format("power: {}\n", to_yaml(device.power));
  if (device.price) out += fmt::format("price: {}\n", to_yaml(*device.price));
  if (!device.default_cluster.empty()) out += fmt::format("cluster: {}\n", yaml_word(device.default_cluster));
  return out;
}

}  // namespace forerun

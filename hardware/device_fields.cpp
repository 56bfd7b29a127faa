#include "hardware/device_fields.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "base/units.hpp"

namespace forerun {
namespace {

using namespace fields;
using Peaks = std::map<DType, FlopsPerSecond>;

constexpr int most_units = 100000;

std::vector<std::string> dtype_names() {
  std::vector<std::string> names;
  for (const DType dtype : all_dtypes) names.emplace_back(to_string(dtype));
  return names;
}

std::vector<Info> a_row_each(const Words& rate) {
  std::vector<Info> rows;
  constexpr std::array multiplied{DType::fp64, DType::fp32, DType::bf16, DType::fp16, DType::fp8};
  for (const DType dtype : all_dtypes) {
    const std::string name(to_string(dtype));
    const bool used = std::ranges::find(multiplied, dtype) != multiplied.end();
    rows.push_back({name, rate, "", "dense peak of " + name + (used ? "" : " (a label: no job multiplies in it yet)")});
  }
  return rows;
}

// Formats are keys, each with its rate.
Kind<Peaks> peaks() {
  const Kind<FlopsPerSecond> rate = positive<FlopsPerSecond>();
  Kind<Peaks> kind{.words = {"map", "", ""}, .read = {}, .write = {}, .inside = a_row_each(rate.words)};
  kind.read_inside = [rate](Peaks& value, std::string_view key, const YamlNode& node) {
    const auto dtype = dtype_from(key);
    if (dtype) rate.read(value[*dtype], node);
    return dtype.has_value();
  };
  kind.read = [one = kind.read_inside](Peaks& value, const YamlNode& node) {
    value.clear();
    for (const auto& [key, each] : node.entries()) {
      if (!one(value, key, each)) each.report(quoted(key) + " is not a number format", suggestion(key, dtype_names()));
    }
    if (node.is_map() && node.entries().empty())
      node.report("no format has a peak", "write at least 'fp32: 19.5 TFLOP/s'");
  };
  kind.write = [rate](const Peaks& value, Defaults rare) {
    Value::Map map;
    for (const auto& [dtype, each] : value) map.emplace_back(to_string(dtype), rate.write(each, rare));
    return Value{std::move(map)};
  };
  return kind;
}

const Table<DeviceMemory>& device_memory_fields() {
  static const Table<DeviceMemory> table =
      Table<DeviceMemory>()
          .required("capacity", &DeviceMemory::capacity, positive<Bytes>(), "what the driver offers to programs")
          .required("bandwidth", &DeviceMemory::bandwidth, positive<BytesPerSecond>(), "peak of the datasheet");
  return table;
}

void add_names(Table<Device>& table) {
  table.required("name", &Device::name, text(), "as reports print it");
  table.rare("aliases", &Device::aliases, list(text()), "other names by which it is found").label("it finds the file");
  table.required("vendor", &Device::vendor, word({"nvidia", "amd", "intel", "other"}), "who makes it");
  table.required("family", &Device::family,
                 word({"volta", "ampere", "ada", "hopper", "blackwell", "cdna3", "cpu", "textbook"}),
                 "generation, whose cost parameters hold where the device has none of its own");
}

void add_figures(Table<Device>& table) {
  table.required("compute", &Device::peak, peaks(), "dense peaks, without structured sparsity");
  table.required("memory", &Device::memory, nested(device_memory_fields()), "its own memory");
  table.required("l2", &Device::l2, quantity<Bytes>(), "last level of cache")
      .label("it counts where kernels that run from the cache were measured");
  table.required("sms", &Device::sms, integer(1, most_units), "streaming multiprocessors, compute units or cores");
  table.required("clock", &Device::clock, positive<Hertz>(), "boost clock at which the peaks are quoted");
  table.required("launch_overhead", &Device::launch_overhead, quantity<Seconds>(), "floor of one kernel on the device");
  table
      .usual("concurrent_streams", &Device::concurrent_streams, integer(1, most_units),
             "kernels that may run at the same time")
      .label("kernels of one lane run one after the other");
  table.required("power", &Device::power, positive<Watts>(), "limit of the board");
  table.usual("price", &Device::price, maybe(quantity<DollarsPerSecond>()), "on demand, where one is published");
  table.rare("cluster", &Device::default_cluster, text(), "the cluster that a bare mention of the device means")
      .label("it finds the cluster");
}

Table<Device> make_device_fields() {
  Table<Device> table;
  add_names(table);
  add_figures(table);
  return table;
}

}  // namespace

const Table<Device>& device_fields() {
  static const Table<Device> table = make_device_fields();
  return table;
}

Device read_device(const YamlNode& node) { return device_fields().read(node); }
std::string to_yaml(const Device& device) { return block_yaml(device_fields().write(device)); }

}  // namespace forerun

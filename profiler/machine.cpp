#include "profiler/machine.hpp"

#include <fmt/format.h>

#include <unistd.h>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>

#include "runtime/machine/cores.hpp"

namespace forerun {
namespace {

std::string read(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The text after "key   : " or "key:" in the first line that starts with it.
std::string_view value_of(std::string_view text, std::string_view key) {
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    std::string_view line = text.substr(from, to - from);
    from = to + 1;
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    line.remove_prefix(colon + 1);
    const std::size_t start = line.find_first_not_of(" \t");
    return start == line.npos ? std::string_view() : line.substr(start);
  }
  return {};
}

double number(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Bytes cache(int name) {
  const long size = ::sysconf(name);
  return Bytes{size > 0 ? static_cast<double>(size) : 0.0};
}

}  // namespace

std::string slug(std::string_view text) {
  std::string word;
  bool remark = false;
  for (const char c : text) {
    if (c == '(') remark = true;
    if (!remark) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
        word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      } else if (!word.empty() && word.back() != '-') {
        word += '-';
      }
    }
    if (c == ')') remark = false;
  }
  while (word.ends_with('-')) word.pop_back();
  return word.empty() ? "unknown" : word;
}

Machine parse_machine(std::string_view cpuinfo, std::string_view meminfo, int cores) {
  Machine machine{.processor = std::string(value_of(cpuinfo, "model name")), .cores = cores};
  if (machine.processor.empty()) machine.processor = "unknown processor";
  const double megahertz = number(value_of(cpuinfo, "cpu MHz"));
  machine.clock = Hertz{megahertz > 0 ? megahertz * 1e6 : 1e9};
  const std::string flags = std::string(value_of(cpuinfo, "flags")) + " ";
  machine.lanes = flags.find(" avx512f ") != flags.npos ? 16 : flags.find(" avx2 ") != flags.npos ? 8 : 4;
  machine.memory = Bytes{number(value_of(meminfo, "MemTotal")) * 1024};
  return machine;
}

Machine this_machine() {
  Machine machine = parse_machine(read("/proc/cpuinfo"), read("/proc/meminfo"), cores_of_this_process());
  machine.l2 = cache(_SC_LEVEL2_CACHE_SIZE);
  machine.last_cache = max(machine.l2, max(cache(_SC_LEVEL3_CACHE_SIZE), cache(_SC_LEVEL4_CACHE_SIZE)));
  if (machine.l2 == Bytes{0}) machine.l2 = Bytes{1 << 20};
  if (machine.memory == Bytes{0}) machine.memory = Bytes{1e9};
  return machine;
}

std::string machine_name(const Machine& machine) {
  return fmt::format("{}-{}-cores", slug(machine.processor), machine.cores);
}

std::string machine_identity(const Machine& machine) {
  return fmt::format("{}-{:.0f}-gib", machine_name(machine), machine.memory.value() / 0x1p30);
}

double four_digits(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double last = std::floor(std::log10(std::abs(value))) - 3, scale = std::pow(10, std::abs(last));  // of ten
  return last > 0 ? std::round(value / scale) * scale : std::round(value * scale) / scale;
}

Peak peak_of(const Machine& machine, const MeasuredMachine& measured, DType dtype) {
  constexpr double units = 2, operations = 2, best_share = 0.9;
  const double lanes = dtype == DType::fp64 ? machine.lanes / 2.0 : machine.lanes;
  const FlopsPerSecond derived{units * operations * lanes * machine.clock.value()};
  const auto found = measured.product.find(dtype);
  return found == measured.product.end() || derived > found->second / best_share
             ? Peak{derived}
             : Peak{found->second / best_share, true};
}

Device device_of(const Machine& machine, const MeasuredMachine& measured) {
  std::map<DType, FlopsPerSecond> peaks;
  for (const auto& [dtype, rate] : measured.product) peaks[dtype] = four_digits(peak_of(machine, measured, dtype).rate);
  constexpr Watts assumed_per_core{6};  // a server part of 350 W has about sixty cores; nothing here measures power
  return {.name = machine_name(machine) + "-core",
          .aliases = {},
          .vendor = machine.processor.starts_with("Intel") ? "intel"
                    : machine.processor.starts_with("AMD") ? "amd"
                                                           : "other",
          .family = "cpu",
          .peak = peaks,
          .memory = {.capacity = machine.memory / machine.cores, .bandwidth = four_digits(measured.together)},
          .l2 = machine.l2,
          .sms = 1,
          .clock = machine.clock,
          .launch_overhead = four_digits(measured.call),
          .concurrent_streams = 1,
          .power = assumed_per_core,
          .price = std::nullopt,
          .default_cluster = ""};
}

Cluster cluster_of(const Machine& machine, const MeasuredMachine& measured) {
  const Link link{.bandwidth = four_digits(measured.link), .latency = four_digits(measured.link_latency)};
  const Node node{.device = device_of(machine, measured),
                  .devices = machine.cores,
                  .fabric = {.kind = FabricKind::switched, .link = link},
                  .host = link,
                  .nics = 0,
                  .nic = {}};
  return {.name = machine_name(machine),
          .aliases = {},
          .nodes = {{.count = 1, .node = node}},
          .network = {},
          .max_gpus = 0};
}

}  // namespace forerun

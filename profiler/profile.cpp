#include "profiler/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <thread>

#include "base/units.hpp"
#include "profiler/collectives.hpp"
#include "profiler/kernel_samples.hpp"
#include "profiler/rank_samples.hpp"
#include "runtime/communication/rank_threads.hpp"

namespace forerun {
namespace {

MeasuredMachine measure_machine(Sampler& sampler, const ProfileOptions& o) {
  MeasuredMachine m;
  const Effort longer{.budget = 4.0 * o.effort.budget, .fewest = o.effort.fewest, .most = 4 * o.effort.most};
  const KernelCase stream = stream_case(DType::fp32, o.range);
  const auto rate = [&](int ranks) {
    return bytes_moved(stream.kernel) / measure(sampler, stream, longer, ranks).median;
  };
  m.alone = rate(1), m.together = rate(sampler.ranks());
  for (const DType dtype : o.dtypes) {
    for (const std::int64_t n : measured_squares(o.range, o.sweep)) {
      const KernelCase product = product_case(dtype, n, n, n);
      const FlopsPerSecond found = flops(product.kernel) / measure(sampler, product, longer, sampler.ranks()).median;
      m.product[dtype] = max(m.product[dtype], found);
    }
  }
  m.call = measure(sampler, call_case(), {.budget = o.effort.budget, .fewest = 101, .most = 2001}, 1).median;
  return m;
}

void measure_link(int ranks, const ProfileOptions& o, MeasuredMachine& m) {
  const int two = std::max(2, ranks);
  run_ranks(two, [&](Communicator& c) {
    const Seconds small = time_collective(c, {"sendrecv", two, Bytes{1024}}, 4.0 * o.effort.budget);
    const Seconds large = time_collective(c, {"sendrecv", two, o.largest_message}, 4.0 * o.effort.budget);
    if (c.rank() != 0) return;
    m.link_latency = small;
    m.link = o.largest_message / large;
  });
}

std::string device_text(const ProfileResult& r, const ProfileOptions& o) {
  std::string peaks;
  for (const auto& [dtype, rate] : r.measured.product) {
    peaks +=
        fmt::format("# compute, {}: {}; the fastest of square products up to {}, with all ranks running, does {}\n",
                    to_string(dtype),
                    peak_of(r.machine, r.measured, dtype).of_product
                        ? "that product's rate over 0.9, more than the clock of /proc/cpuinfo allows"
                        : fmt::format("derived, two units of {} lanes at /proc/cpuinfo's clock",
                                      dtype == DType::fp64 ? r.machine.lanes / 2 : r.machine.lanes),
                    std::ranges::max(measured_squares(o.range, o.sweep)), format(rate));
  }
  return fmt::format(
      "# One core of this machine, as one of {} ranks sees it. Written by `forerun profile{}`.\n{}"
      "# memory bandwidth: measured, a sum of two tensors into a third, on all cores at once: {} a core; one alone "
      "gets {}\n"
      "# capacity: /proc/meminfo over the cores; l2: of a core; launch_overhead: measured, a call on 16 numbers; "
      "power: assumed\n{}",
      r.machine.cores, o.quick ? " --quick" : "", peaks, format(r.measured.together), format(r.measured.alone),
      to_yaml(device_of(r.machine, r.measured)));
}

std::string cluster_text(const ProfileResult& r) {
  return fmt::format(
      "# The cores of this machine as a node. Link: measured, messages between two threads through memory: {} at 16 "
      "MiB, {} at 1 KiB.\n{}",
      format(r.measured.link), format(r.measured.link_latency), to_yaml(cluster_of(r.machine, r.measured)));
}

// Each beside the other, and alone.
std::optional<Overlap> measure_overlap(Sampler& sampler, const ProfileOptions& o) {
  if (sampler.ranks() < 2) return std::nullopt;
  const KernelCase product = o.reference, copy = stream_case(DType::fp32, o.range);
  const auto beside = [&](const KernelCase& timed, const KernelCase& other) {
    const Seconds alone = measure(sampler, timed, o.effort, 1).median;
    std::atomic<bool> running = false;
    const std::jthread companion([&](const std::stop_token& stop) {
      const auto prepared = sampler.prepare(other, 1);
      while (!stop.stop_requested()) prepared->run(), running = true, running.notify_all();
    });
    running.wait(false);
    return measure(sampler, timed, o.effort, 1).median / alone;
  };
  return Overlap{beside(product, copy), beside(copy, product)};
}

void remark(ProfileResult& r) {
  if (const auto drifted = drift_remark(r.drift)) r.remarks.push_back(*drifted);
  if (r.measured.together < 0.7 * r.measured.alone) {
    r.remarks.push_back(fmt::format("memory is shared: {} a core with all {} running, {} alone",
                                    format(r.measured.together), r.machine.cores, format(r.measured.alone)));
  }
}

}  // namespace

ProfilePaths paths_of(const std::string& stem) {
  return {stem + ".device.yaml", stem + ".cluster.yaml", stem + ".samples.csv", stem + ".collectives.csv"};
}

std::string file_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

ProfileOptions sized(ProfileOptions o) {
  o.sweep = o.quick ? quick_sweep : SweepSize{};
  o.effort = {
      .budget = Seconds{o.quick ? 0.05 : 0.15}, .fewest = 5, .most = static_cast<std::size_t>(o.quick ? 40 : 100)};
  o.passes = 3;
  return o;
}

Result<ProfileResult> profile(const ProfileOptions& o, Sampler& sampler, const Machine& machine,
                              const ProfileProgress& progress) {
  const ProfilePaths paths = paths_of(o.stem);
  Result<SampleFile> of_kernels =
      SampleFile::open(paths.samples, kernel_columns, {machine_identity(machine), file_name(paths.device)}, o.resume);
  if (!of_kernels) return fail(of_kernels.error());
  Result<SampleFile> of_ranks = open_rank_samples(o, machine, o.resume);
  if (!of_ranks) return fail(of_ranks.error());
  ProfileResult result{.machine = machine};
  if (progress) progress(0, "machine");
  result.measured = measure_machine(sampler, o);
  measure_link(machine.cores, o, result.measured);
  const Result<KernelSamples> kernels = sample_kernels(o, sampler, *of_kernels, progress);
  if (!kernels) return fail(kernels.error());
  result.kernels = kernels->rows, result.kept = kernels->kept, result.drift = kernels->drift;
  if (const auto sampled = sample_ranks(o, machine, *of_ranks, progress, result); !sampled)
    return fail(sampled.error());
  result.overlap = measure_overlap(sampler, o);
  remark(result);
  for (const std::string& failed : kernels->failed) result.remarks.push_back(failed);
  if (const auto written = write_whole(paths.device, device_text(result, o)); !written) return fail(written.error());
  if (const auto written = write_whole(paths.cluster, cluster_text(result)); !written) return fail(written.error());
  return result;
}

}  // namespace forerun

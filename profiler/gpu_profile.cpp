#include "profiler/gpu_profile.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"

namespace forerun {
namespace {

HostLink measure_host_link(const GpuSurroundings& around, HostDirection direction) {
  std::vector<std::pair<Bytes, Seconds>> copies;
  for (double bytes = 4096; bytes <= 256.0 * (1 << 20); bytes *= 4) {
    copies.emplace_back(Bytes{bytes}, around.host_copy(direction, Bytes{bytes}, bytes < 1e7 ? 50 : 5));
  }
  return fit_host_link(copies);
}

MeasuredGpu measure_gpu(EventSampler& sampler, const ProfileOptions& o, const GpuSurroundings& around) {
  MeasuredGpu m;
  const LaunchCosts launches = sampler.launch_costs();  // first: once kernels have been traced, CUPTI slows the host
  const auto time = [&](const KernelCase& one) { return measure(sampler, one, o.effort, 1).median; };
  const auto rate = [&](const KernelCase& one) { return bytes_moved(one.kernel) / time(one); };
  const DType dtype = o.dtypes.front();
  m.copy = rate(copy_case(dtype, o.range)), m.stream = rate(stream_case(dtype, o.range));
  for (const DType of : o.dtypes) {
    for (const std::int64_t n : measured_squares(o.range, o.sweep)) {
      const KernelCase product = product_case(of, n, n, n);
      m.product[of] = max(m.product[of], flops(product.kernel) / time(product));
    }
  }
  m.launch = launches.in_line, m.launch_by_host = launches.by_host, m.launch_alone = launches.alone;
  m.to_device = measure_host_link(around, HostDirection::to_device),
  m.to_host = measure_host_link(around, HostDirection::to_host);
  return m;
}

std::string device_text(const GpuProfileResult& r, const ProfileOptions& o, std::optional<Watts> power) {
  std::string peaks;
  for (const auto& [dtype, rate] : r.measured.product) {
    peaks += fmt::format("# compute, {}: {}; the fastest of square products does {}\n", to_string(dtype),
                         peak_of(r.gpu, r.measured, dtype).of_product
                             ? "that product's rate over 0.9"
                             : "of its family's whitepaper a multiprocessor and clock",
                         format(rate));
  }
  return fmt::format(
      "# {}, compute capability {}.{}. Written by `forerun profile --backend cuda{}`.\n{}"
      "# memory bandwidth: the driver's clock and bus, or what a stream reached over 0.92; copies move {}, a sum of "
      "two tensors into a third {}\n"
      "# launch_overhead: measured, kernels on 16 numbers in a long line; power: {}\n{}",
      r.gpu.name, r.gpu.major, r.gpu.minor, o.quick ? " --quick" : "", peaks, format(r.measured.copy),
      format(r.measured.stream), power ? "the driver's limit" : "assumed",
      to_yaml(device_of(r.gpu, r.measured, power)));
}

std::string cluster_text(const GpuProfileResult& r, const Device& device) {
  return fmt::format(
      "# One GPU of this machine. Links: measured, copies from and to pinned memory of the host ({} and {}); links "
      "between GPUs were not measured.\n{}",
      format(r.measured.to_device.bandwidth), format(r.measured.to_host.bandwidth),
      to_yaml(cluster_of(device, r.measured)));
}

// The cluster is written in any case: with the calibration it takes the place of a plan's.
Result<void> describe(GpuProfileResult& r, const ProfileOptions& o, const std::optional<Device>& known,
                      std::optional<Watts> power) {
  const ProfilePaths paths = paths_of(o.stem);
  const auto write = [&](const std::string& path, const std::string& text) {
    r.written.push_back(path);
    return write_whole(path, text);
  };
  if (!known) {
    if (const auto written = write(paths.device, device_text(r, o, power)); !written) return written;
  }
  return write(paths.cluster, cluster_text(r, known ? *known : device_of(r.gpu, r.measured, power)));
}

}  // namespace

ProfileOptions sized_for_gpu(ProfileOptions o, Bytes memory) {
  o.sweep = o.quick ? quick_gpu_sweep : gpu_sweep;
  o.range = gpu_range(memory, o.dtypes);
  o.effort = {
      .budget = Seconds{o.quick ? 0.03 : 0.1}, .fewest = 5, .most = static_cast<std::size_t>(o.quick ? 15 : 40)};
  o.reference = product_case(o.dtypes.front(), 4096, 4096, 4096);
  return o;
}

EventOptions event_options(const CudaDevice& gpu, std::uint64_t seed) {
  constexpr double times = 4;
  return {.pool = gpu.l2 > Bytes{0} ? times * gpu.l2 : Bytes{256.0 * (1 << 20)}, .seed = seed};
}

Result<GpuProfileResult> profile_gpu(const ProfileOptions& o, EventSampler& sampler, const CudaDevice& gpu,
                                     const GpuSurroundings& around, const ProfileProgress& progress) {
  GpuProfileResult result{.gpu = gpu};
  const std::optional<Device> known = catalogue_device(gpu);
  result.in_catalogue = known.has_value();
  result.device = known ? known->name : file_name(paths_of(o.stem).device);
  if (!known && family_of(gpu.major, gpu.minor).empty()) {
    return fail(Problem{
        {},
        fmt::format("{} has compute capability {}.{}, of which no family is known", gpu.name, gpu.major, gpu.minor),
        "families are volta, ampere, ada, hopper and blackwell (7.0 to 12.x without 7.5)"});
  }
  Result<SampleFile> file =
      SampleFile::open(paths_of(o.stem).samples, kernel_columns, {gpu_identity(gpu), result.device}, o.resume);
  if (!file) return fail(file.error());
  if (progress) progress(0, "machine");
  result.measured = measure_gpu(sampler, o, around);
  const Result<KernelSamples> samples = sample_kernels(o, sampler, *file, progress);
  if (!samples) return fail(samples.error());
  result.samples = *samples;
  const DType dtype = o.dtypes.front();
  result.overlap = {sampler.slowdown(o.reference, copy_case(dtype, o.range)),
                    sampler.slowdown(copy_case(dtype, o.range), o.reference)};
  result.mean_clock = sampler.mean_clock();
  result.remarks = sampler.remarks();
  if (const auto drifted = drift_remark(result.samples.drift)) result.remarks.push_back(*drifted);
  for (const std::string& failed : result.samples.failed) result.remarks.push_back(failed);
  result.remarks.emplace_back(
      "links between GPUs cannot be measured with one GPU: plans take the fits of public tables");
  if (const auto described = describe(result, o, known, around.power_limit); !described) return fail(described.error());
  return result;
}

}  // namespace forerun

#include "cli/profile_cuda.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>
#include <new>
#include <optional>

#include "base/units.hpp"
#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/profile_fits.hpp"
#include "cli/progress.hpp"
#include "profiler/cuda_sampler.hpp"
#include "profiler/gpu_profile.hpp"
#include "runtime/cuda_backend.hpp"

namespace forerun::cli {
namespace {

std::string cuda_version(int number) { return fmt::format("{}.{}", number / 1000, number % 1000 / 10); }
std::string megahertz(Hertz clock) { return fmt::format("{:.0f} MHz", clock.value() / 1e6); }

struct Host {
  std::string driver;  // "580.65.06"; "unknown"
  std::optional<Hertz> most_clock;
};

std::string header(const CudaProfile& o, const GpuProfileResult& r, const Host& host) {
  const std::string clocks =
      r.mean_clock ? fmt::format("{} on average while measured", megahertz(*r.mean_clock)) : "not read";
  return fmt::format(
      "# Kernels of forerun on one {}, fitted to samples of `forerun profile --backend cuda{}`, {}.\n"
      "# Driver {} (CUDA {}), built with CUDA {}. Clock of the multiprocessors: {}, at most {}.\n",
      r.gpu.name, o.quick ? " --quick" : "", today(), host.driver, cuda_version(r.gpu.driver),
      cuda_version(r.gpu.runtime), clocks, megahertz(host.most_clock.value_or(r.gpu.clock)));
}

nlohmann::ordered_json to_json(const GpuProfileResult& r, const Host& host, const ProfileFits& fitted,
                               const std::vector<std::string>& written) {
  nlohmann::ordered_json json;
  json["gpu"] = {{"name", r.gpu.name},
                 {"device", r.device},
                 {"in_catalogue", r.in_catalogue},
                 {"compute_capability", fmt::format("{}.{}", r.gpu.major, r.gpu.minor)},
                 {"sms", r.gpu.sms},
                 {"memory_bytes", r.gpu.memory.value()},
                 {"l2_bytes", r.gpu.l2.value()},
                 {"clock_hz", r.gpu.clock.value()},
                 {"driver", host.driver},
                 {"driver_cuda", cuda_version(r.gpu.driver)},
                 {"built_with_cuda", cuda_version(r.gpu.runtime)}};
  if (r.mean_clock) json["gpu"]["mean_sm_clock_hz"] = r.mean_clock->value();
  const auto link = [](const HostLink& l) {
    return nlohmann::ordered_json{{"latency_s", l.latency.value()}, {"bytes_per_s", l.bandwidth.value()}};
  };
  json["measured"] = {{"copy_bytes_per_s", r.measured.copy.value()},
                      {"stream_bytes_per_s", r.measured.stream.value()},
                      {"product_flops_per_s", products_json(r.measured.product)},
                      {"launch",
                       {{"in_line_s", r.measured.launch.value()},
                        {"by_host_s", r.measured.launch_by_host.value()},
                        {"alone_s", r.measured.launch_alone.value()}}},
                      {"host_to_device", link(r.measured.to_device)},
                      {"device_to_host", link(r.measured.to_host)}};
  json["overlap"] = {{"product_slowdown", r.overlap.product_slowdown}, {"copy_slowdown", r.overlap.copy_slowdown}};
  json["samples"] = {{"kernels", r.samples.rows}, {"collectives", 0}, {"kept", r.samples.kept}};
  json["drift"] = r.samples.drift;
  add_fits(json, r.remarks, fitted, written);
  return json;
}

void print(const GpuProfileResult& r, const ProfileFits& fitted, const std::vector<std::string>& written) {
  const auto link = [](const HostLink& l) { return fmt::format("{} and {}", format(l.latency), format(l.bandwidth)); };
  fmt::print("{} ({}): {} multiprocessors, {}\n", r.gpu.name,
             r.in_catalogue ? "the catalogue's " + r.device : "not in the catalogue: " + r.device, r.gpu.sms,
             format(r.gpu.memory));
  fmt::print("products {}; copies {}, sums {}\n", products_text(r.measured.product), format(r.measured.copy),
             format(r.measured.stream));
  fmt::print("a launch: {} in a long line, {} of the host's time, {} alone until the host knows\n",
             format(r.measured.launch), format(r.measured.launch_by_host), format(r.measured.launch_alone));
  fmt::print(
      "from the host {}; to the host {}; a product beside copies takes {:.2f} times as long, copies beside products "
      "{:.2f} times\n\n",
      link(r.measured.to_device), link(r.measured.to_host), r.overlap.product_slowdown, r.overlap.copy_slowdown);
  print_fits(fitted, written);
}

int measure_and_fit(const CudaProfile& o) {
  const CudaDevice gpu = cuda_device(o.device);
  const std::string out = o.out.value_or(device_name(gpu) + ".yaml");
  if (const Problems problems = output_problems(out); !problems.empty()) return refuse(problems);
  const GpuMonitor monitor(gpu.pci_bus);
  const EventOptions events = event_options(gpu, o.seed);
  const CudaSampler sampler = make_cuda_sampler(o.device, events, monitor);
  const ProfileOptions p = sized_for_gpu(
      {.stem = stem_of(out), .quick = o.quick, .resume = o.resume, .dtypes = o.dtypes, .seed = o.seed}, gpu.memory);
  ProgressLine progress("measuring kernels");
  Result<GpuProfileResult> result =
      profile_gpu(p, *sampler.sampler, gpu,
                  {.host_copy = [&](HostDirection direction, Bytes bytes,
                                    int times) { return time_host_copy(o.device, direction, bytes, times); },
                   .power_limit = monitor.power_limit()},
                  [&](double share, const std::string&) { progress(share); });
  progress.finish();
  if (!result) return refuse(result.error());
  result->remarks.push_back(counters_remark());  // last: a profiler of counters may hold the clocks
  result->remarks.insert(result->remarks.begin(), sampler.remarks.begin(), sampler.remarks.end());
  for (const std::string& remark : result->remarks) fmt::print(stderr, "note: {}\n", remark);
  const std::string samples = paths_of(p.stem).samples;
  const Result<ProfileFits> fitted = fit_samples(samples, "");
  if (!fitted) return refuse(fitted.error());
  const Host host{monitor.driver().value_or("unknown"), monitor.most_sm_clock()};
  if (const auto saved = save_kernels(out, header(o, *result, host), *fitted); !saved) return refuse(saved.error());
  std::vector<std::string> written{out};
  written.insert(written.end(), result->written.begin(), result->written.end());
  written.push_back(samples);
  if (o.json) {
    std::cout << to_json(*result, host, *fitted, written).dump(2) << "\n";
  } else {
    print(*result, *fitted, written);
  }
  return answered;
}

}  // namespace

int profile_cuda(const CudaProfile& o) {
  try {
    return measure_and_fit(o);
  } catch (const std::bad_alloc&) {
    return refuse({{{},
                    "the GPU's memory does not hold what is measured",
                    "let no other program use it, then go on with --resume"}});
  } catch (const std::runtime_error& error) {  // CUDA, or a library that is not there
    return refuse(
        {{{}, std::string("--backend cuda: ") + error.what(), "what was measured is kept: go on with --resume"}});
  }
}

}  // namespace forerun::cli

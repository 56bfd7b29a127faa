#include "cli/profile_cuda.hpp"

#include <fmt/format.h>

#include <memory>
#include <new>

#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/profile_fits.hpp"
#include "cli/progress.hpp"
#include "profiler/cuda_sampler.hpp"
#include "profiler/gpu_profile.hpp"
#include "reports/fits/gpu_profile_report.hpp"
#include "runtime/cuda_backend.hpp"

namespace forerun::cli {
namespace {

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
  for (const std::string& remark : result->remarks) say(fmt::format("note: {}\n", remark));
  const std::string samples = paths_of(p.stem).samples;
  const Result<SampleFits> fitted = fit_samples(samples, "");
  if (!fitted) return refuse(fitted.error());
  const GpuDriver driver{monitor.driver().value_or("unknown"), monitor.most_sm_clock()};
  if (const auto saved = save_kernels(out, calibration_comments(*result, driver, o.quick, today()), *fitted); !saved)
    return refuse(saved.error());
  std::vector<std::string> written{out};
  written.insert(written.end(), result->written.begin(), result->written.end());
  written.push_back(samples);
  print_answer(GpuProfileAnswer{*result, driver, *fitted, written}, o.json);
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

#include "reports/fits/gpu_profile_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "reports/fits/profiled_fits.hpp"
#include "reports/json_text.hpp"

namespace forerun {
namespace {

std::string cuda_version(int number) { return fmt::format("{}.{}", number / 1000, number % 1000 / 10); }
std::string megahertz(Hertz clock) { return fmt::format("{:.0f} MHz", clock.value() / 1e6); }

std::string text_of(const HostLink& l) { return fmt::format("{} and {}", format(l.latency), format(l.bandwidth)); }
nlohmann::ordered_json to_json(const HostLink& l) {
  return {{"latency_s", l.latency.value()}, {"bytes_per_s", l.bandwidth.value()}};
}

nlohmann::ordered_json gpu_json(const GpuProfileAnswer& answer) {
  const GpuProfileResult& r = answer.result;
  nlohmann::ordered_json json = {{"name", r.gpu.name},
                                 {"device", r.device},
                                 {"in_catalogue", r.in_catalogue},
                                 {"compute_capability", fmt::format("{}.{}", r.gpu.major, r.gpu.minor)},
                                 {"sms", r.gpu.sms},
                                 {"memory_bytes", r.gpu.memory.value()},
                                 {"l2_bytes", r.gpu.l2.value()},
                                 {"clock_hz", r.gpu.clock.value()},
                                 {"driver", answer.driver.version},
                                 {"driver_cuda", cuda_version(r.gpu.driver)},
                                 {"built_with_cuda", cuda_version(r.gpu.runtime)}};
  if (r.mean_clock) json["mean_sm_clock_hz"] = r.mean_clock->value();
  return json;
}

nlohmann::ordered_json to_json(const MeasuredGpu& m) {
  return {
      {"copy_bytes_per_s", m.copy.value()},
      {"stream_bytes_per_s", m.stream.value()},
      {"product_flops_per_s", products_json(m.product)},
      {"launch",
       {{"in_line_s", m.launch.value()}, {"by_host_s", m.launch_by_host.value()}, {"alone_s", m.launch_alone.value()}}},
      {"host_to_device", to_json(m.to_device)},
      {"device_to_host", to_json(m.to_host)}};
}

}  // namespace

std::string to_text(const GpuProfileAnswer& answer, int width) {
  const GpuProfileResult& r = answer.result;
  std::string text = fmt::format("{} ({}): {} multiprocessors, {}\n", r.gpu.name,
                                 r.in_catalogue ? "the catalogue's " + r.device : "not in the catalogue: " + r.device,
                                 r.gpu.sms, format(r.gpu.memory));
  text += fmt::format("products {}; copies {}, sums {}\n", products_text(r.measured.product), format(r.measured.copy),
                      format(r.measured.stream));
  text += fmt::format("a launch: {} in a long line, {} of the host's time, {} alone until the host knows\n",
                      format(r.measured.launch), format(r.measured.launch_by_host), format(r.measured.launch_alone));
  text += fmt::format(
      "from the host {}; to the host {}; a product beside copies takes {:.2f} times as long, copies beside products "
      "{:.2f} times\n\n",
      text_of(r.measured.to_device), text_of(r.measured.to_host), r.overlap.product_slowdown, r.overlap.copy_slowdown);
  return text + fits_text(answer.fits, answer.written, width);
}

std::string json_text(const GpuProfileAnswer& answer) {
  const GpuProfileResult& r = answer.result;
  nlohmann::ordered_json json;
  json["gpu"] = gpu_json(answer);
  json["measured"] = to_json(r.measured);
  json["overlap"] = {{"product_slowdown", r.overlap.product_slowdown}, {"copy_slowdown", r.overlap.copy_slowdown}};
  json["samples"] = {{"kernels", r.samples.rows}, {"collectives", 0}, {"kept", r.samples.kept}};
  json["drift"] = r.samples.drift;
  add_fits(json, r.remarks, answer.fits, answer.written);
  return indented(json);
}

std::string calibration_comments(const GpuProfileResult& r, const GpuDriver& driver, bool quick,
                                 const std::string& date) {
  const std::string clocks =
      r.mean_clock ? fmt::format("{} on average while measured", megahertz(*r.mean_clock)) : "not read";
  return fmt::format(
      "# Kernels of forerun on one {}, fitted to samples of `forerun profile --backend cuda{}`, {}.\n"
      "# Driver {} (CUDA {}), built with CUDA {}. Clock of the multiprocessors: {}, at most {}.\n",
      r.gpu.name, quick ? " --quick" : "", date, driver.version, cuda_version(r.gpu.driver),
      cuda_version(r.gpu.runtime), clocks, megahertz(driver.most_clock.value_or(r.gpu.clock)));
}

}  // namespace forerun

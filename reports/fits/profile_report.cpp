#include "reports/fits/profile_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "reports/fits/profiled_fits.hpp"
#include "reports/json_text.hpp"

namespace forerun {

std::string to_text(const ProfileAnswer& answer, int width) {
  const ProfileResult& r = answer.result;
  std::string text = fmt::format("{}: {} cores, {}, {}\n", r.machine.processor, r.machine.cores,
                                 format(r.machine.memory), answer.library);
  text += fmt::format("a core: products {}; memory {} with all cores at it, {} alone; a call {}\n",
                      products_text(r.measured.product), format(r.measured.together), format(r.measured.alone),
                      format(r.measured.call));
  const std::string overlap =
      r.overlap ? fmt::format("a product beside copies takes {:.2f} times as long, copies beside products {:.2f} times",
                              r.overlap->product_slowdown, r.overlap->copy_slowdown)
                : "products beside copies: not measured with one core";
  text +=
      fmt::format("between ranks: {}, {}; {}\n\n", format(r.measured.link), format(r.measured.link_latency), overlap);
  return text + fits_text(answer.fits, answer.written, width);
}

std::string json_text(const ProfileAnswer& answer) {
  const ProfileResult& r = answer.result;
  nlohmann::ordered_json json;
  json["machine"] = {{"name", machine_name(r.machine)},  {"processor", r.machine.processor},
                     {"cores", r.machine.cores},         {"memory_bytes", r.machine.memory.value()},
                     {"l2_bytes", r.machine.l2.value()}, {"last_cache_bytes", r.machine.last_cache.value()},
                     {"matrix_library", answer.library}};
  json["measured"] = {{"bandwidth_alone_bytes_per_s", r.measured.alone.value()},
                      {"bandwidth_together_bytes_per_s", r.measured.together.value()},
                      {"product_flops_per_s", products_json(r.measured.product)},
                      {"call_s", r.measured.call.value()},
                      {"link_bytes_per_s", r.measured.link.value()},
                      {"link_latency_s", r.measured.link_latency.value()}};
  json["overlap"] = nullptr;
  if (r.overlap)
    json["overlap"] = {{"product_slowdown", r.overlap->product_slowdown}, {"copy_slowdown", r.overlap->copy_slowdown}};
  json["samples"] = {{"kernels", r.kernels}, {"collectives", r.collectives}, {"kept", r.kept}};
  json["drift"] = r.drift;
  add_fits(json, r.remarks, answer.fits, answer.written);
  return indented(json);
}

}  // namespace forerun

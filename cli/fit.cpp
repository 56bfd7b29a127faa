#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "base/table.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "studies/kernel_report.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file, out, date = "not stated";
};

bool write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  return static_cast<bool>(file.flush());
}

// One device into the file; several into a folder, a file each.
Result<std::vector<std::filesystem::path>> save(const KernelFitting& fitting, const std::string& out) {
  const bool folder = out.ends_with('/') || std::filesystem::is_directory(out);
  if (!folder && fitting.devices.size() > 1) {
    return fail(Problem{{}, fmt::format("the samples are of {} devices, and {} would be one file", fitting.devices.size(), out),
                        fmt::format("name a folder, as in --out {}/", std::filesystem::path(out).replace_extension().string())});
  }
  if (folder) std::filesystem::create_directories(out);
  std::vector<std::filesystem::path> written;
  for (const KernelCalibration& device : fitting.devices) {
    written.push_back(folder ? std::filesystem::path(out) / (device.device + ".yaml") : std::filesystem::path(out));
    if (!write(written.back(), to_yaml(device))) return fail(Problem{{}, "cannot write " + written.back().string(), "name a file that can be written"});
  }
  return written;
}

int run(const Options& o) {
  const Result<KernelRows> rows = read_kernel_rows(o.file);
  if (!rows) return refuse(rows.error());
  if (rows->rows.empty()) return refuse({{{o.file, 0, 0}, "no rows of kernels to fit", "write a row a kernel; kinds are gemm, attn_prefill, attn_decode, norm, elementwise"}});
  ProgressLine progress("fitting");
  const KernelFitting fitting =
      fit_rows(*rows, o.date, [&](std::size_t done, std::size_t total) { progress(static_cast<double>(done) / static_cast<double>(total)); });
  progress.finish();
  if (fitting.devices.empty()) return refuse({{{o.file, 0, 0}, "no group of rows is large enough to fit", fmt::format("measure at least {} shapes of a kind", fewest_samples)}});
  const auto written = save(fitting, o.out);
  if (!written) return refuse(written.error());
  fmt::print("{}", to_text(fitting, terminal_width()));
  if (rows->collectives > 0) fmt::print("{} rows of collectives left out\n", rows->collectives);
  for (const auto& path : *written) fmt::print("wrote {}\n", path.string());
  return answered;
}

}  // namespace

void add_fit(CLI::App& app, int& code) {
  CLI::App* verb = app.add_subcommand("fit", "Fit a calibration of kernels from measurements");
  auto o = std::make_shared<Options>();
  verb->add_option("samples", o->file, "CSV, a row a kernel: source, gpu, dtype, kind, its shape, time_us, notes")->required();
  verb->add_option("--out", o->out, "calibration to write; a folder for samples of several devices")->required();
  verb->add_option("--date", o->date, "written into each fit");
  verb->footer("Example:\n  forerun fit samples.csv --out calibration.yaml\n  forerun validate kernels others.csv --calibration calibration.yaml");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

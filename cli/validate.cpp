#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

#include "base/table.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/validate_collectives.hpp"
#include "hardware/catalog.hpp"
#include "studies/kernel_report.hpp"
#include "studies/training_validation.hpp"
#include "studies/validation_report.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file;
  bool json = false;
  std::string by;
  bool left_out_sources = false;
};

constexpr std::size_t worst_runs = 25;  // that a terminal shows

int run_training(const Options& o) {
  ProgressLine progress("predicting");
  Result<TrainingValidation> validation =
      validate_training(o.file, [&](std::size_t done, std::size_t total) { progress(static_cast<double>(done) / static_cast<double>(total)); });
  progress.finish();
  if (!validation) return refuse(validation.error());
  if (o.left_out_sources) {
    ProgressLine fitting("refitting stacks");
    const auto left = leave_sources_out(*validation, o.file, [&](std::size_t done, std::size_t total) { fitting(static_cast<double>(done) / static_cast<double>(total)); });
    fitting.finish();
    if (!left) return refuse(left.error());
  }
  if (o.json) {
    nlohmann::ordered_json json = to_json(*validation);
    if (o.by == "run") json["runs"] = runs_to_json(*validation);
    std::cout << json.dump(2) << "\n";
  } else if (o.by == "run") {
    fmt::print("{}", runs_text(*validation, worst_runs, terminal_width()));
  } else {
    fmt::print("{}", to_text(*validation, terminal_width()));
  }
  return answered;
}

struct KernelOptions {
  std::string file, only_device, calibration;
  bool left_out = false, json = false;
};

// The fits that all rows are predicted with: of a file, or the shipped ones of one device; none: each device's own.
Result<std::optional<KernelCalibration>> chosen_calibration(const KernelOptions& o) {
  if (!o.calibration.empty()) {
    Result<KernelCalibration> loaded = load_kernel_calibration(o.calibration);
    if (!loaded) return fail(loaded.error());
    return std::optional(*std::move(loaded));
  }
  if (o.only_device.empty()) return std::optional<KernelCalibration>();
  const Result<Device> device = find_device(o.only_device);
  if (!device) return fail(device.error());
  const KernelCalibration* shipped = find_kernel_calibration(device->name);
  if (shipped == nullptr) return fail(Problem{{}, "no calibration of " + device->name + " is shipped", "name one of a100, h100, or a file with --calibration"});
  return std::optional(*shipped);
}

int run_kernels(const KernelOptions& o) {
  Problems problems;
  const Result<KernelRows> rows = read_kernel_rows(o.file);
  if (!rows) problems = rows.error();
  Result<std::optional<KernelCalibration>> calibration = chosen_calibration(o);
  if (!calibration) problems.insert(problems.end(), calibration.error().begin(), calibration.error().end());
  if (!problems.empty()) return refuse(problems);
  const Result<KernelValidation> validation = validate_kernels(*rows, {.left_out = o.left_out, .calibration = *std::move(calibration)});
  if (!validation) return refuse(validation.error());
  if (o.json) {
    std::cout << to_json(*validation).dump(2) << "\n";
  } else {
    fmt::print("{}", to_text(*validation, terminal_width()));
  }
  return answered;
}

void add_kernels(CLI::App& verb, int& code) {
  CLI::App* kernels = verb.add_subcommand("kernels", "times of single kernels: products, attention, norms, element-wise work");
  auto o = std::make_shared<KernelOptions>();
  kernels->add_option("file", o->file, "CSV: source, gpu, dtype, kind, the kernel's shape, time_us, notes (whose kernels)")->required();
  auto* only = kernels->add_option("--only-device", o->only_device, "predict every device with this one's fits, scaled by the datasheets");
  kernels->add_option("--calibration", o->calibration, "predict with the fits of this file (forerun fit)")->excludes(only);
  kernels->add_flag("--left-out", o->left_out, "also refit to the file's rows and score those left out");
  kernels->add_flag("--json", o->json, "the same fields for programs");
  kernels->footer("Example:\n  forerun validate kernels kernels.csv --left-out");
  kernels->callback([o, &code] { code = run_kernels(*o); });
}

}  // namespace

void add_validate(CLI::App& app, int& code) {
  CLI::App* verb = app.add_subcommand("validate", "Score predictions against measured runs");
  verb->require_subcommand(1);
  CLI::App* training = verb->add_subcommand("training", "step times and peak memory of training runs");
  auto o = std::make_shared<Options>();
  training->add_option("file", o->file, "CSV with the columns of tests/validation/data/README.md")->required();
  training->add_flag("--json", o->json, "the same fields for programs");
  training->add_option("--by", o->by, "run: the worst predicted runs with where their time goes (--json: all runs)")->check(CLI::IsMember({"run"}));
  training->add_flag("--left-out", o->left_out_sources, "beside each source: its error with stacks that were refitted without it");
  training->footer("Example:\n  forerun validate training tests/validation/data/training_runs.csv");
  training->callback([o, &code] { code = run_training(*o); });
  add_kernels(*verb, code);
  add_validate_collectives(*verb, code);
}

}  // namespace forerun::cli

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <memory>
#include <set>

#include "base/units.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/validate_collectives.hpp"
#include "costmodel/own_calibrations.hpp"
#include "hardware/catalog.hpp"
#include "reports/scores/kernel_report.hpp"
#include "reports/scores/runs_report.hpp"
#include "reports/scores/validation_report.hpp"
#include "validation/training/training_validation.hpp"

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
  Result<TrainingValidation> validation = validate_training(o.file, [&](std::size_t done, std::size_t total) {
    progress(static_cast<double>(done) / static_cast<double>(total));
  });
  progress.finish();
  if (!validation) return refuse(validation.error());
  if (o.left_out_sources) {
    ProgressLine fitting("refitting stacks");
    const auto left = leave_sources_out(*validation, o.file, [&](std::size_t done, std::size_t total) {
      fitting(static_cast<double>(done) / static_cast<double>(total));
    });
    fitting.finish();
    if (!left) return refuse(left.error());
  }
  if (o.by == "run") {
    print(o.json ? json_text_with_runs(*validation) : runs_text(*validation, worst_runs, terminal_width()));
  } else {
    print_answer(*validation, o.json);
  }
  return answered;
}

struct KernelOptions {
  std::string file, only_device, by;
  std::optional<std::string> over;
  std::vector<std::string> calibrations;
  bool left_out = false, json = false;
};

// What `kernels` cannot use of the user's files.
Problems useless(const OwnCalibrations& own, const KernelRows& rows, const std::string& only_device) {
  std::set<std::string> devices;
  for (const KernelRow& row : rows.rows) devices.insert(find_device(row.gpu)->name);
  if (!only_device.empty()) devices = {only_device};
  Problems problems;
  for (const CalibrationFile& file : own.files) {
    const auto* kernels = std::get_if<KernelCalibration>(&file.of);
    if (kernels == nullptr) {
      problems.push_back({file.subject, "a calibration of collectives, and only kernels are scored",
                          "give it to forerun validate collectives"});
    } else if (devices.count(kernels->device) == 0) {
      problems.push_back({file.subject, fmt::format("a calibration of {}, of which there is no row", kernels->device),
                          only_device.empty()
                              ? fmt::format("add --only-device {} to predict other devices with it", kernels->device)
                              : fmt::format("only {} is used", only_device)});
    }
  }
  return problems;
}

// The fits of one device that all rows are predicted with: the user's over the shipped ones.
Result<KernelCalibration> only(const Device& device, const OwnCalibrations& own) {
  const KernelCalibration* shipped = find_kernel_calibration(device.name);
  const KernelCalibration* mine = own.of_device(device.name);
  if (mine == nullptr && shipped == nullptr)
    return fail(Problem{{},
                        "no calibration of " + device.name + " is shipped",
                        "name one of a100, h100, or add a file of its own with --calibration"});
  if (mine == nullptr) return *shipped;
  return shipped == nullptr ? *mine : merged(*shipped, *mine);
}

Result<KernelValidationOptions> options_of(const KernelOptions& o, const Result<KernelRows>& rows) {
  Problems problems = problems_of(rows);
  Result<OwnCalibrations> own = load_calibrations(o.calibrations);
  if (!own) problems.insert(problems.end(), own.error().begin(), own.error().end());
  KernelValidationOptions options{
      .left_out = o.left_out, .over = {}, .by_library = o.by == "library", .calibration = {}, .own = {}};
  if (o.over) {
    const auto over = parse_quantity<Seconds>(*o.over);
    if (over) options.over = *over;
    if (!over) problems.push_back({{}, "--over: " + over.error().message, over.error().hint});
  }
  std::string only_device;
  if (!o.only_device.empty()) {
    const Result<Device> device = find_device(o.only_device);
    const Result<KernelCalibration> one = device ? only(*device, own ? *own : OwnCalibrations{}) : fail(device.error());
    if (one) options.calibration = *one, only_device = one->device;
    if (!one) problems.insert(problems.end(), one.error().begin(), one.error().end());
  }
  const auto longer = [&](const KernelRow& row) { return row.time > options.over; };
  if (o.over && problems.empty() && std::none_of(rows->rows.begin(), rows->rows.end(), longer)) {
    problems.push_back({{o.file, 0, 0}, "no kernel took longer than " + *o.over, "write a shorter time for --over"});
  }
  if (problems.empty()) problems = useless(*own, *rows, only_device);
  if (!problems.empty()) return fail(std::move(problems));
  if (only_device.empty()) options.own = *std::move(own);
  return options;
}

int run_kernels(const KernelOptions& o) {
  const Result<KernelRows> rows = read_kernel_rows(o.file);
  const Result<KernelValidationOptions> options = options_of(o, rows);
  if (!options) return refuse(options.error());
  const Result<KernelValidation> validation = validate_kernels(*rows, *options);
  if (!validation) return refuse(validation.error());
  print_answer(*validation, o.json);
  return answered;
}

void add_kernels(CLI::App& verb, int& code) {
  CLI::App* kernels =
      verb.add_subcommand("kernels", "times of single kernels: products, attention, norms, element-wise work");
  auto o = std::make_shared<KernelOptions>();
  kernels
      ->add_option("file", o->file, "CSV: source, gpu, dtype, kind, the kernel's shape, time_us, notes (whose kernels)")
      ->required();
  kernels->add_option("--only-device", o->only_device,
                      "predict every device with this one's fits, scaled by the datasheets");
  add_calibrations(*kernels, o->calibrations);
  kernels->add_option("--over", o->over, "score only rows measured longer, as in --over 200us")->type_name("TIME");
  kernels->add_option("--by", o->by, "library: a group for each library or stack whose kernels they are, too")
      ->check(CLI::IsMember({"library"}));
  kernels->add_flag("--left-out", o->left_out, "also refit to the file's rows and score those left out");
  kernels->add_flag("--json", o->json, "the same fields for programs");
  kernels->footer(
      "Example:\n  forerun validate kernels kernels.csv --left-out\n  forerun validate kernels kernels.csv --left-out "
      "--over 200us --by library");
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
  training->add_option("--by", o->by, "run: the worst predicted runs with where their time goes (--json: all runs)")
      ->check(CLI::IsMember({"run"}));
  training->add_flag("--left-out", o->left_out_sources,
                     "beside each source: its error with stacks that were refitted without it");
  training->footer("Example:\n  forerun validate training tests/validation/data/training_runs.csv");
  training->callback([o, &code] { code = run_training(*o); });
  add_kernels(*verb, code);
  add_validate_collectives(*verb, code);
}

}  // namespace forerun::cli

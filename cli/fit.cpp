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
#include "studies/stack_fit.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file, out, date = "not stated";
  std::string stack;
  std::vector<std::string> parameters, where;
};

// What most stacks are fitted by, where the command does not say.
const std::vector<std::string> usual_parameters{"host.per_kernel", "host.per_step", "reach.gemm", "reach.attention", "reach.streaming", "reach.communication"};

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

std::string row_of(const char* name, const ErrorSummary& e) {
  return fmt::format("{:<10} mean {:.1f} %, median {:.1f} %, p90 {:.1f} %, worst {:.1f} %, bias {:+.1f} %\n", name, 100 * e.mape, 100 * e.median, 100 * e.p90, 100 * e.worst, 100 * e.bias);
}

Result<std::vector<RowCondition>> conditions(const std::vector<std::string>& texts) {
  std::vector<RowCondition> list;
  Problems problems;
  for (const std::string& text : texts) {
    const Result<std::vector<RowCondition>> read = parse_conditions(text);
    if (read) {
      list.insert(list.end(), read->begin(), read->end());
    } else {
      problems.insert(problems.end(), read.error().begin(), read.error().end());
    }
  }
  if (!problems.empty()) return fail(std::move(problems));
  return list;
}

std::string text_of(const StackFit& fit, const std::string& stack) {
  std::string text = fmt::format("step times of {} runs of {}, {} {}", fit.runs, stack, fit.groups, fit.groups == 1 ? "model" : "models");
  text += fmt::format("{}\n{}{}", fit.where.empty() ? "" : fmt::format("; {} runs not chosen", fit.dropped), row_of("as stated", fit.before), row_of("fitted", fit.after));
  if (!fit.left_out) return text + "one model: no left-out score\n";
  text += row_of("left out", fit.left_out->errors) + fmt::format("80 % bands hold {:.0f} % of the runs left out\n", 100 * fit.left_out->in_band);
  if (fit.left_out->errors.mape >= fit.before.mape) text += "WARNING: fitted values predict unseen models worse than the stated ones; do not use this fit for other models\n";
  return text;
}

int run_stack(const Options& o) {
  const Result<std::vector<TrainingRow>> rows = read_training_rows(o.file);
  if (!rows) return refuse(rows.error());
  const Result<Stack> stated = find_stated_stack(o.stack);
  if (!stated) return refuse(stated.error());
  const Result<std::vector<RowCondition>> where = conditions(o.where);
  if (!where) return refuse(where.error());
  ProgressLine progress("fitting");
  progress(0);
  const Result<StackFit> fit = fit_stack(*stated, *rows, {.parameters = o.parameters.empty() ? usual_parameters : o.parameters, .where = *where});
  progress.finish();
  if (!fit) return refuse(fit.error());
  const StackFitRecord record = record_of(*fit, o.date);
  const Result<std::string> text = stack_text_with(o.stack, record);
  if (!text) return refuse(text.error());
  if (!write(o.out, *text)) return refuse({{{}, "cannot write " + o.out, "name a file that can be written"}});
  fmt::print("{}{}wrote {}\n", text_of(*fit, o.stack), to_yaml(record), o.out);
  return answered;
}

int run(const Options& o) {
  if (!o.stack.empty()) return run_stack(o);
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
  CLI::App* verb = app.add_subcommand("fit", "Fit a calibration of kernels, or a software stack, to measurements");
  auto o = std::make_shared<Options>();
  verb->add_option("samples", o->file, "CSV, a row a kernel: source, gpu, dtype, kind, its shape, time_us, notes; with --stack a row a training run")->required();
  verb->add_option("--out", o->out, "calibration to write; a folder for samples of several devices")->required();
  verb->add_option("--date", o->date, "written into each fit");
  verb->add_option("--stack", o->stack, "fit this software stack to measured training runs instead (CSV as `validate training` reads); --out is a stack file");
  verb->add_option("--parameters", o->parameters, "of the stack, to be fitted; by default host.per_kernel, host.per_step and reach.*")->delimiter(',')->needs("--stack");
  verb->add_option("--where", o->where, "only runs that fulfil this, as in \"pp = 1 and gpus <= 256\"; columns of the CSV; = != < <= > >=, of texts = != ~ (holds) !~; repeatable")->allow_extra_args(false)->needs("--stack");
  verb->footer("Example:\n  forerun fit samples.csv --out calibration.yaml\n  forerun validate kernels others.csv --calibration calibration.yaml\n"
               "  forerun fit runs.csv --stack nanotron --out my-nanotron.yaml");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

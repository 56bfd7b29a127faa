#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

#include "base/files/csv.hpp"
#include "base/files/text_file.hpp"
#include "base/text.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "costmodel/own_calibrations.hpp"
#include "hardware/catalog.hpp"
#include "reports/fits/fit_report.hpp"
#include "validation/collectives/collective_place.hpp"
#include "validation/training/stack_fit.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file, out, date = "not stated";
  std::string stack, cluster;
  std::vector<std::string> parameters, where;
};

// What most stacks are fitted by, where the command does not say.
const std::vector<std::string> usual_parameters{"host.per_kernel", "host.per_step",   "reach.gemm",
                                                "reach.attention", "reach.streaming", "reach.communication"};

bool write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  return static_cast<bool>(file.flush());
}

// One calibration into the file; several into a folder: DEVICE.yaml for kernels, collectives-GENERATION.yaml.
Result<std::vector<std::string>> save(const SampleFits& fitted, const std::string& out) {
  const bool folder = out.ends_with('/') || std::filesystem::is_directory(out);
  if (!folder && fitted.files() > 1) {
    return fail(Problem{
        {},
        fmt::format("these samples make {} calibrations ({} of kernels, {} of collectives), and {} would be one file",
                    fitted.files(), fitted.kernels.devices.size(), fitted.collectives.calibrations.size(), out),
        fmt::format("name a folder, as in --out {}/", std::filesystem::path(out).replace_extension().string())});
  }
  std::error_code ignored;
  if (folder) std::filesystem::create_directories(out, ignored);
  std::vector<std::string> written;
  Problems problems;
  const auto add = [&](const std::string& name, const std::string& text) {
    written.push_back(folder ? (std::filesystem::path(out) / (name + ".yaml")).string() : out);
    if (const auto again = parse_calibration(text, written.back()); !again) {
      problems.insert(problems.end(), again.error().begin(), again.error().end());
    } else if (!write(written.back(), text)) {
      problems.push_back({{}, "cannot write " + written.back(), "name a file that can be written"});
    }
  };
  for (const KernelCalibration& device : fitted.kernels.devices) add(device.device, to_yaml(device));
  for (const CollectiveCalibration& c : fitted.collectives.calibrations)
    add(fmt::format("collectives-{}", to_string(c.generation)), to_yaml(c));
  if (!problems.empty()) return fail(std::move(problems));
  return written;
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

int run_stack(const Options& o) {
  const Result<std::vector<TrainingRow>> rows = read_training_rows(o.file);
  if (!rows) return refuse(rows.error());
  const Result<Stack> stated = find_stated_stack(o.stack);
  if (!stated) return refuse(stated.error());
  const Result<std::vector<RowCondition>> where = conditions(o.where);
  if (!where) return refuse(where.error());
  ProgressLine progress("fitting");
  progress(0);
  const Result<StackFit> fit = fit_stack(
      *stated, *rows, {.parameters = o.parameters.empty() ? usual_parameters : o.parameters, .where = *where});
  progress.finish();
  if (!fit) return refuse(fit.error());
  const StackFitRecord record = record_of(*fit, o.date);
  const Result<std::string> text = stack_text_with(o.stack, record);
  if (!text) return refuse(text.error());
  if (!write(o.out, *text)) return refuse({{{}, "cannot write " + o.out, "name a file that can be written"}});
  print(to_text(StackFitAnswer{*fit, record, o.stack, o.out}));
  return answered;
}

// Rows of the file; what it does not hold is empty.
struct Samples {
  KernelRows kernels;
  CollectiveRows collectives;
};

// The columns tell: `collective` only collectives, `kind` kernels, and collectives among them.
Result<Samples> read_samples(const std::string& file) {
  Samples samples;
  const Result<std::string> text = read_text_file(file);
  if (!text) return fail(text.error());
  Problems problems;
  const Result<CsvTable> table = parse_csv(*text, file);
  if (!table) return fail(table.error());
  const bool only_collectives = table->column("collective").has_value() && !table->column("kind");
  if (!only_collectives) {
    Result<KernelRows> kernels = read_kernel_rows(file);
    if (kernels)
      samples.kernels = *std::move(kernels);
    else
      problems = kernels.error();
  }
  if (only_collectives || samples.kernels.collectives > 0) {
    Result<CollectiveRows> collectives = read_collective_rows(file);
    if (collectives)
      samples.collectives = *std::move(collectives);
    else
      problems.insert(problems.end(), collectives.error().begin(), collectives.error().end());
  }
  if (problems.empty() && samples.kernels.rows.empty() && samples.collectives.rows.empty()) {
    problems.push_back(
        {{file, 0, 0},
         "no rows to fit",
         "write a row a kernel or collective; kinds are gemm, attn_prefill, attn_decode, norm, elementwise, allreduce, "
         "allgather, reducescatter, alltoall, broadcast, sendrecv"});
  }
  if (!problems.empty()) return fail(std::move(problems));
  return samples;
}

// The name to write into constants of networks: that of a cluster whose devices ran the rows.
Result<std::string> cluster_name(const Options& o, const Samples& samples) {
  if (o.cluster.empty()) return std::string();
  const Result<Cluster> cluster = find_cluster(o.cluster);
  if (!cluster) return fail(cluster.error());
  std::set<std::string> devices;
  CollectivePlacer placer;
  for (const CollectiveRow& row : samples.collectives.rows) {
    if (row.nodes == 1) continue;
    if (const auto place = placer.place(row)) devices.insert(node_of(place->cluster).device.name);
  }
  if (devices.empty())
    return fail(Problem{
        {}, "--cluster says where rows of several nodes were measured, and there are none", "leave --cluster out"});
  if (!is_homogeneous(*cluster) || devices != std::set<std::string>{node_of(*cluster).device.name}) {
    return fail(Problem{{},
                        fmt::format("the rows of several nodes were measured on {}, which {} does not have",
                                    join({devices.begin(), devices.end()}, ", "), cluster->name),
                        "name the cluster that they were measured on; a file for each"});
  }
  return cluster->name;
}

void note_skipped(const std::vector<SkippedRows>& skipped) {
  for (const SkippedRows& rows : skipped) say(fmt::format("note: {} rows left out: {}\n", rows.n, rows.reason));
}

Problem nothing_fitted(const std::string& file, const SampleFits& fitted) {
  std::vector<std::string> why = fitted.kernels.too_few;
  why.insert(why.end(), fitted.collectives.not_fitted.begin(), fitted.collectives.not_fitted.end());
  constexpr std::size_t shown = 5;
  if (why.size() > shown) why.resize(shown);
  return {{file, 0, 0},
          "no group of rows is large enough to fit: " + join(why, ", "),
          fmt::format("measure at least {} shapes of a kind of kernel, eight sizes of a collective", fewest_samples)};
}

int run(const Options& o) {
  if (!o.stack.empty()) return run_stack(o);
  const Result<Samples> samples = read_samples(o.file);
  if (!samples) return refuse(samples.error());
  note_skipped(samples->kernels.skipped);
  note_skipped(samples->collectives.skipped);
  const Result<std::string> cluster = cluster_name(o, *samples);
  if (!cluster) return refuse(cluster.error());
  SampleFits fitted;
  ProgressLine progress("fitting");
  fitted.kernels = fit_rows(samples->kernels, o.date, [&](std::size_t done, std::size_t total) {
    progress(static_cast<double>(done) / static_cast<double>(total));
  });
  fitted.collectives = fit_collectives(samples->collectives.rows, o.date, *cluster);
  progress.finish();
  if (fitted.files() == 0) return refuse({nothing_fitted(o.file, fitted)});
  const auto written = save(fitted, o.out);
  if (!written) return refuse(written.error());
  print(to_text(FitAnswer{fitted, !samples->kernels.rows.empty(), !samples->collectives.rows.empty(), *written},
                terminal_width()));
  return answered;
}

}  // namespace

void add_fit(CLI::App& app, int& code) {
  CLI::App* verb =
      app.add_subcommand("fit", "Fit calibrations of kernels and collectives, or a software stack, to measurements");
  auto o = std::make_shared<Options>();
  verb->add_option("samples", o->file,
                   "CSV, a row a kernel (source, gpu, dtype, kind, its shape, time_us, notes) or a collective (as "
                   "`validate collectives` reads); with --stack a row a training run")
      ->required();
  verb->add_option(
          "--out", o->out,
          "calibration to write; a folder (FOLDER/) for kernels and collectives together, or of several devices")
      ->required();
  verb->add_option("--cluster", o->cluster,
                   "where the rows of several nodes were measured: its steps then take the constants of that network")
      ->type_name("NAME|FILE");
  verb->add_option("--date", o->date, "written into each fit");
  verb->add_option("--stack", o->stack,
                   "fit this software stack to measured training runs instead (CSV as `validate training` reads); "
                   "--out is a stack file");
  verb->add_option("--parameters", o->parameters,
                   "of the stack, to be fitted; by default host.per_kernel, host.per_step and reach.*")
      ->delimiter(',')
      ->needs("--stack");
  verb->add_option("--where", o->where,
                   "only runs that fulfil this, as in \"pp = 1 and gpus <= 256\"; columns of the CSV; = != < <= > >=, "
                   "of texts = != ~ (holds) !~; repeatable")
      ->allow_extra_args(false)
      ->needs("--stack");
  verb->footer(
      "Example:\n  forerun fit samples.csv --out calibration.yaml\n  forerun validate kernels others.csv --calibration "
      "calibration.yaml\n"
      "  forerun fit nccl-tests.csv --cluster p5 --out network.yaml\n  forerun estimate plan.yaml --calibration "
      "calibration.yaml --calibration network.yaml\n"
      "  forerun fit runs.csv --stack nanotron --out my-nanotron.yaml");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

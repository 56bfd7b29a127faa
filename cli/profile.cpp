#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/gpu_problems.hpp"
#include "cli/mpi_environment.hpp"
#include "cli/profile_cuda.hpp"
#include "cli/profile_fits.hpp"
#include "cli/progress.hpp"
#include "profiler/cpu_sampler.hpp"
#include "profiler/profile.hpp"
#include "reports/fits/profile_report.hpp"

namespace forerun::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string backend = "cpu";
  std::optional<std::string> out;
  std::vector<std::string> dtypes;  // none: the backend's usual ones
  int seed = 1, device = -1;        // -1: not given
  bool quick = false, resume = false, json = false, as_process = false;
  Problems problems;
};

Result<std::vector<DType>> dtypes_of(const Options& o) {
  std::vector<DType> list;
  Problems problems;
  const std::vector<std::string> usual =
      o.backend == "cuda" ? std::vector<std::string>{"bf16", "fp32"} : std::vector<std::string>{"fp32"};
  for (const std::string& name : o.dtypes.empty() ? usual : o.dtypes) {
    const auto dtype = dtype_from(lower(name));
    if (dtype == DType::fp32 || dtype == DType::bf16 || dtype == DType::fp64) {
      if (std::find(list.begin(), list.end(), *dtype) == list.end()) list.push_back(*dtype);
    } else {
      problems.push_back({{},
                          fmt::format("{} is no format that kernels of forerun compute in", quoted(name)),
                          "write fp32, bf16 or fp64, or several with commas"});
    }
  }
  if (!problems.empty()) return fail(std::move(problems));
  return list;
}

// Of the cores; a GPU has its own name.
std::string out_of(const Options& o) { return o.out.value_or("local.yaml"); }

Problems problems_of(const Options& o) {
  Problems problems = o.problems;
  if (o.backend == "cuda") {
    for (Problem& problem : problems_of_cuda(std::max(0, o.device))) problems.push_back(std::move(problem));
  } else if (o.backend != "cpu") {
    problems.push_back({{}, fmt::format("{} is no backend", quoted(o.backend)), "write cpu or cuda"});
  } else if (o.device >= 0) {
    problems.push_back(
        {{}, "--device says which GPU: the cores are measured all at once", "leave it out, or write --backend cuda"});
  }
  if (o.out && !o.out->ends_with(".yaml") && !o.out->ends_with(".yml"))
    problems.push_back(
        {{}, fmt::format("--out {}: a calibration is a YAML file", quoted(*o.out)), "end its name in .yaml"});
  for (Problem& problem : o.out || o.backend == "cpu" ? output_problems(out_of(o)) : Problems{})
    problems.push_back(std::move(problem));
  if (const Result<std::vector<DType>> dtypes = dtypes_of(o); !dtypes)
    problems.insert(problems.end(), dtypes.error().begin(), dtypes.error().end());
  return problems;
}

ProfileOptions profile_options(const Options& o, std::vector<DType> dtypes) {
  ProfileOptions p{.stem = stem_of(out_of(o)),
                   .quick = o.quick,
                   .resume = o.resume,
                   .dtypes = std::move(dtypes),
                   .seed = static_cast<std::uint64_t>(o.seed)};
  return sized(std::move(p));
}

bool on_path(std::string_view program) {
  const char* path = std::getenv("PATH");
  bool found = false;
  for (std::string_view rest = path == nullptr ? "" : path; !rest.empty() && !found;) {
    const std::size_t to = std::min(rest.find(':'), rest.size());
    std::error_code ignored;
    found = fs::exists(fs::path(rest.substr(0, to)) / program, ignored);
    rest.remove_prefix(std::min(to + 1, rest.size()));
  }
  return found;
}

// How this program is started again as two ranks, or everything that stands against it.
struct MpiStart {
  std::string command;
  std::vector<std::string> missing;
};

MpiStart mpi_start(const Options& o) {
  MpiStart start;
  std::error_code ignored;
  const std::string self = fs::read_symlink("/proc/self/exe", ignored).string(), out = out_of(o);
  if (!can_profile_processes()) start.missing.emplace_back("this build found no MPI");
  if (!on_path("mpirun")) start.missing.emplace_back("there is no mpirun on PATH");
  if (self.empty()) start.missing.emplace_back("/proc/self/exe does not say where this program is");
  for (const std::string& path : {self, out}) {
    if (path.find('\'') != std::string::npos)
      start.missing.push_back(path + " has a quote, which a command for mpirun cannot have");
  }
  start.command = fmt::format("mpirun --oversubscribe -n 2 '{}' profile --as-process{} --out '{}'", self,
                              o.quick ? " --quick" : "", out);
  if (!start.missing.empty()) start.command.clear();
  return start;
}

Result<std::vector<std::string>> save(const Options& o, const SampleFits& fitted) {
  std::vector<std::string> written;
  const auto add = [&](const std::string& path, const std::string& text) -> Result<void> {
    written.push_back(path);
    return write_whole(path, text);
  };
  if (const auto kernels = save_kernels(out_of(o), "", fitted); !kernels) return fail(kernels.error());
  written.push_back(out_of(o));
  if (fitted.collectives.calibrations.empty()) return written;
  if (const auto ranks =
          add(stem_of(out_of(o)) + ".collectives.yaml", to_yaml(fitted.collectives.calibrations.front()));
      !ranks)
    return fail(ranks.error());
  return written;
}

int run(const Options& o) {
  if (const Problems problems = problems_of(o); !problems.empty()) return refuse(problems);
  Result<std::vector<DType>> dtypes = dtypes_of(o);  // without problems: they are among those above
  if (o.backend == "cuda")
    return profile_cuda({.out = o.out,
                         .quick = o.quick,
                         .resume = o.resume,
                         .json = o.json,
                         .device = std::max(0, o.device),
                         .dtypes = *dtypes,
                         .seed = static_cast<std::uint64_t>(o.seed)});
  if (!o.as_process) announce("this profile", Seconds{o.quick ? 120.0 : 600.0});
  ProfileOptions p = profile_options(o, *std::move(dtypes));
  const Machine machine = this_machine();
  if (o.as_process) return profile_as_process(p, machine);
  const MpiStart mpi = mpi_start(o);
  p.started_by_mpi = mpi.command;
  set_mpi_environment(Waiting::keeps_the_core);
  const auto sampler = make_cpu_sampler(machine.cores, cpu_pool(machine.last_cache), p.seed);
  ProgressLine kernels("measuring kernels"), ranks("measuring collectives");
  Result<ProfileResult> result = profile(p, *sampler, machine, [&](double share, const std::string& what) {
    (what == "kernels" ? kernels : ranks)(share);
  });
  kernels.finish(), ranks.finish();
  if (!result) return refuse(result.error());
  for (const std::string& reason : mpi.missing) result->remarks.push_back("no collectives of processes: " + reason);
  for (const std::string& remark : result->remarks) say(fmt::format("note: {}\n", remark));
  const ProfilePaths paths = paths_of(p.stem);
  const Result<SampleFits> fitted = fit_samples(paths.samples, paths.collectives);
  if (!fitted) return refuse(fitted.error());
  Result<std::vector<std::string>> written = save(o, *fitted);
  if (!written) return refuse(written.error());
  for (const std::string& path : {paths.device, paths.cluster, paths.samples, paths.collectives})
    written->push_back(path);
  print_answer(ProfileAnswer{*result, profiled_library(), *fitted, *written}, o.json);
  return answered;
}

}  // namespace

void add_profile(CLI::App& app, int& code) {
  CLI::App* verb = app.add_subcommand("profile",
                                      "Measure this machine: its kernels and collectives become a calibration, its "
                                      "cores a cluster; or one GPU's kernels");
  auto o = std::make_shared<Options>();
  verb->add_flag("--quick", o->quick, "fewer and smaller shapes: two minutes instead of ten");
  verb->add_option("--backend", o->backend, "cpu: the cores of this machine; cuda: one GPU")->type_name("NAME");
  add_number(*verb, "--device", o->device, 0, 1023, o->problems, "which GPU, from 0");
  verb->add_option("--out", o->out,
                   "calibration to write (usually local.yaml; of a GPU its name, such as nvidia-h200.yaml); beside it "
                   "NAME.device.yaml, NAME.cluster.yaml, "
                   "NAME.collectives.yaml and the samples as CSV")
      ->type_name("FILE.yaml");
  verb->add_flag("--resume", o->resume, "go on with the samples of an interrupted profile");
  verb->add_option("--dtype", o->dtypes, "formats to measure: fp32, bf16, fp64 (usually fp32; on a GPU bf16 and fp32)")
      ->delimiter(',');
  add_number(*verb, "--seed", o->seed, 0, 1'000'000'000, o->problems, "of the shapes");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->add_flag("--as-process", o->as_process, "one of the ranks that MPI starts")->group("");
  verb->footer(
      "Examples:\n  forerun profile --quick\n  forerun profile --dtype fp32,bf16 --out here.yaml\n  forerun profile "
      "--backend cuda --quick --out h100.yaml\n"
      "  forerun estimate plan.yaml --calibration local.yaml --calibration local.collectives.yaml   (plan: cluster: "
      "{use: local.cluster.yaml, gpus: 2})");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

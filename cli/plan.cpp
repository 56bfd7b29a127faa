#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "costmodel/own_calibrations.hpp"
#include "hardware/catalog.hpp"
#include "reports/no_fit_report.hpp"
#include "reports/search_report.hpp"
#include "strategies/plan/plan_file.hpp"
#include "strategies/search/advice.hpp"
#include "strategies/search/simulated_ranking.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string model, cluster, stack = "megatron-core", dtype = "bf16";
  std::optional<std::string> save;
  std::vector<std::string> calibrations;
  int gpus = 0, sequence = 0, global_batch = 0, top = 5, threads = 0;
  double headroom = 0.03;
  bool json = false;
  Problems problems;  // of the flags' values
};

void collect(Problems& problems, const Problems& more) { problems.insert(problems.end(), more.begin(), more.end()); }

template <class T>
void collect(Problems& problems, const Result<T>& result) {
  if (!result) collect(problems, result.error());
}

std::optional<DType> job_dtype(const std::string& text) {
  for (const DType dtype : {DType::bf16, DType::fp16, DType::fp8, DType::fp32}) {
    if (to_string(dtype) == text) return dtype;
  }
  return std::nullopt;
}

// All that is wrong with the flags at once.
Result<PricedScenario> read_scenario(const Options& o) {
  Problems problems = o.problems;
  const Result<Model> model = find_model(o.model);
  const Result<Cluster> cluster = find_cluster(o.cluster);
  const Result<Stack> stack = find_stack(o.stack);
  collect(problems, model);
  collect(problems, cluster);
  collect(problems, stack);
  const std::optional<DType> dtype = job_dtype(o.dtype);
  if (!dtype)
    problems.push_back({{},
                        fmt::format("'{}' is not a format for --dtype", o.dtype),
                        suggestion(o.dtype, {"bf16", "fp16", "fp8", "fp32"})});
  if (o.save) collect(problems, output_problems(*o.save));
  const Result<OwnCalibrations> own = load_calibrations(o.calibrations);
  collect(problems, own);
  if (!problems.empty()) return fail(std::move(problems));
  return price({.model = *model,
                .cluster = *cluster,
                .gpus = o.gpus,
                .stack = *stack,
                .job = {.sequence = o.sequence, .global_batch = o.global_batch, .dtype = *dtype}},
               *own);
}

int explain_no_fit(const ClosedFormContext& context, const SearchResult& result, const Options& o) {
  if (!result.nearest) {
    const int fewer = usable_devices_below(context.scenario.given);
    return refuse({{{},
                    "no plan of the space uses all these devices with this global batch",
                    "choose a global batch that more replicas divide" +
                        (fewer > 0 ? fmt::format(", or use {} devices", fewer) : std::string())}});
  }
  const Advice advice = advise(context, *result.nearest, o.headroom);
  print_answer(NoFitAnswer{context.scenario.given, result.certificate, *result.nearest, advice}, o.json);
  return nothing_fits;
}

// Names stay names; paths are written absolute, so that the file can be read from anywhere.
std::string reference(const std::string& text) {
  return std::filesystem::exists(text) && text.find_first_of("/.") != std::string::npos
             ? std::filesystem::absolute(text).lexically_normal().string()
             : text;
}

int save(const Options& o, const Scenario& scenario, const Plan& plan) {
  std::ofstream stream(*o.save);
  stream << to_yaml(PlanFile{scenario, plan, reference(o.model), reference(o.cluster), reference(o.stack)});
  stream.close();
  if (!stream) return refuse({{{*o.save, 0, 0}, "cannot be written", "name a file that you may write"}});
  fmt::print(stderr, "saved the best plan to {}\n", *o.save);
  return answered;
}

constexpr std::size_t least_ranked = 10;  // the simulated best of few may not be among fewer

SearchResult look(const ClosedFormContext& context, const Options& o) {
  ProgressLine progress("searching");
  SearchResult result = search(context, {.top = std::max(static_cast<std::size_t>(o.top), least_ranked),
                                         .headroom = o.headroom,
                                         .threads = o.threads,
                                         .progress = std::ref(progress)});
  progress.finish();
  return result;
}

// The plans to show, simulated.
std::vector<SimulatedPlan> rank(const ClosedFormContext& context, const SearchResult& result, const Options& o) {
  ProgressLine progress("simulating");
  RankingOptions options;
  options.threads = o.threads, options.progress = std::ref(progress);
  std::vector<SimulatedPlan> plans = simulate_ranking(context.scenario, result.best, options);
  progress.finish();
  plans.resize(std::min(plans.size(), static_cast<std::size_t>(o.top)));
  return plans;
}

int run(const Options& o) {
  Result<PricedScenario> priced = read_scenario(o);
  if (!priced) return refuse(priced.error());
  const ClosedFormContext context(*std::move(priced));
  const SearchResult result = look(context, o);
  if (result.best.empty()) {
    if (o.save) fmt::print(stderr, "{} is not written: there is no plan to save\n", *o.save);
    return explain_no_fit(context, result, o);
  }
  const std::vector<SimulatedPlan> plans = rank(context, result, o);
  print_answer(SearchAnswer{context.scenario, result, plans}, o.json);
  return !o.save ? answered : save(o, context.scenario.given, plans.front().ranked.plan);
}

}  // namespace

void add_plan(CLI::App& app, int& code) {
  CLI::App* verb = app.add_subcommand("plan", "The best training plans, why, and why the others lost");
  auto o = std::make_shared<Options>();
  constexpr int most = 1 << 20, most_of_a_job = 1 << 24;  // as in plan.yaml
  verb->add_option("model", o->model, "catalogue name, YAML file, or Hugging Face config.json")
      ->required()
      ->type_name("NAME|FILE");
  verb->add_option("--cluster", o->cluster, "catalogue name or YAML file")->required()->type_name("NAME|FILE");
  add_number(*verb, "--gpus", o->gpus, 1, most, o->problems, "number of devices")->required();
  add_number(*verb, "--sequence", o->sequence, 1, most_of_a_job, o->problems, "tokens in a sequence")->required();
  add_number(*verb, "--global-batch", o->global_batch, 1, most_of_a_job, o->problems, "sequences a step")->required();
  verb->add_option("--dtype", o->dtype, "bf16, fp16, fp8 or fp32")->capture_default_str()->type_name("FORMAT");
  verb->add_option("--stack", o->stack, "software whose constants apply: catalogue name or YAML file")
      ->capture_default_str()
      ->type_name("NAME|FILE");
  add_number(*verb, "--top", o->top, 1, 1000, o->problems, "plans to show; the first 10 at least are simulated")
      ->default_str("5");
  add_number(*verb, "--threads", o->threads, 0, 4096, o->problems, "threads of the search; 0: all cores")
      ->default_str("0");
  add_number(*verb, "--headroom", o->headroom, 0, 0.9, o->problems,
             "share of a device's memory to leave free: reserved over allocated memory varies by 3 % between ranks")
      ->default_str("0.03");
  add_calibrations(*verb, o->calibrations);
  verb->add_option("--save", o->save, "write the best plan to this file")->type_name("FILE");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer(
      "Examples:\n  forerun plan llama3-70b --cluster dgx-h100 --gpus 64 --sequence 8192 --global-batch 128\n"
      "  forerun plan config.json --cluster p5 --gpus 256 --sequence 4096 --global-batch 1024 --save plan.yaml");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/files/name_or_path.hpp"
#include "base/files/yaml.hpp"
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
#include "workloads/jobs/job_fields.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string model, cluster, stack = "megatron-core";
  // Keys of the job by the flags that set them.
  std::vector<std::pair<std::string, std::string>> job;
  std::vector<std::string> fix, forbid;
  bool offload = false;
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

std::string flag_of(std::string key) {
  std::ranges::replace(key, '_', '-');
  return "--" + key;
}

// What the flags say of the job, as a plan file would.
Job read_job(const Options& o, const Stack& stack, Problems& problems) {
  Job job{.sequence = o.sequence, .global_batch = o.global_batch, .dtype = stack.dtype};
  for (const auto& [key, text] : o.job) {
    if (key == "tuning") job.kind = JobKind::finetune;
    const Result<void> done = job_fields().set(job, key, text);
    if (done) continue;
    for (Problem problem : done.error()) {
      problem.at = {};
      problem.message = fmt::format("{}: {}", flag_of(key), problem.message);
      problems.push_back(std::move(problem));
    }
  }
  job.tuning = completed(job.tuning, stack);
  // As a plan file with this job would be read: keys that a kind of tuning needs, formats that it does not have.
  const auto written = YamlDocument::parse(fields::flow_yaml(job_fields().write(job)), "the job");
  if (written && problems.empty()) {
    static_cast<void>(job_fields().read(written->root()));
    for (Problem problem : written->problems()) {
      problem.at = {};
      problem.hint += "; --job KEY=VALUE sets any key of the job (forerun catalog keys job)";
      problems.push_back(std::move(problem));
    }
  }
  return job;
}

// A file that is there and is no plan is not written over.
Problems overwrite_problems(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored) || std::filesystem::file_size(path, ignored) == 0) return {};
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("plan:")) return {};
  }
  return {{{path, 0, 0}, "this file is there and is no plan", "name another file, or remove this one first"}};
}

// All that is wrong with the flags at once.
Result<PricedScenario> read_scenario(const Options& o, Wishes& wishes) {
  Problems problems = o.problems;
  const Result<Model> model = find_model(o.model);
  const Result<Cluster> cluster = find_cluster(o.cluster);
  const Result<Stack> stack = find_stack(o.stack);
  collect(problems, model);
  collect(problems, cluster);
  collect(problems, stack);
  const Job job = read_job(o, stack ? *stack : Stack{}, problems);
  if (model) collect(problems, check(job.tuning, *model));
  const Result<Wishes> asked = read_wishes(o.fix, o.forbid, o.offload);
  collect(problems, asked);
  if (o.save) collect(problems, output_problems(*o.save));
  if (o.save) collect(problems, overwrite_problems(*o.save));
  const Result<OwnCalibrations> own = load_calibrations(o.calibrations);
  collect(problems, own);
  if (!problems.empty()) return fail(std::move(problems));
  wishes = *asked;
  return price({.model = *model, .cluster = *cluster, .gpus = o.gpus, .stack = *stack, .job = job}, *own);
}

SearchOptions options_of(const Options& o, const Wishes& wishes) {
  constexpr std::size_t least_ranked = 10;  // the simulated best of few may not be among fewer
  SearchOptions options;
  options.top = std::max(static_cast<std::size_t>(o.top), least_ranked);
  options.headroom = o.headroom, options.threads = o.threads, options.wishes = wishes;
  return options;
}

std::string conditions_text(const Wishes& wishes) {
  std::vector<std::string> texts;
  for (const Expression& condition : wishes.conditions) texts.push_back(condition.text());
  return texts.empty() ? "" : fmt::format(" and has {}", join(texts, " and "));
}

int explain_no_fit(const ClosedFormContext& context, const SearchResult& result, const Options& o,
                   const SearchOptions& options) {
  const Wishes& wishes = options.wishes;
  if (!result.nearest) {
    if (const Problems reasons = why_empty(context.scenario.given, wishes); !reasons.empty()) return refuse(reasons);
    const int fewer = usable_devices_below(context.scenario.given, wishes);
    return refuse(
        {{{},
          fmt::format("no plan of the space uses all these devices with this global batch{}", conditions_text(wishes)),
          (wishes.conditions.empty() ? "" : "leave out --fix or --forbid, or ") +
              std::string("choose a global batch that more replicas divide") +
              (fewer > 0 ? fmt::format(", or use {} devices", fewer) : std::string())}});
  }
  ElapsedLine progress("nothing fits; looking for what would");
  const Advice advice = advise(context, *result.nearest, options);
  print_answer(NoFitAnswer{context.scenario.given, result.certificate, *result.nearest, advice}, o.json);
  return nothing_fits;
}

// Names stay names; paths are written relative to the file that is saved.
std::string reference(const std::string& text, const std::string& saved) {
  namespace fs = std::filesystem;
  if (!is_path(text) || !fs::exists(text)) return text;
  const fs::path folder = fs::absolute(saved).parent_path();
  return fs::absolute(text).lexically_normal().lexically_relative(folder.lexically_normal()).string();
}

int save(const Options& o, const Scenario& scenario, const Plan& plan) {
  std::fflush(stdout);
  std::ofstream stream(*o.save);
  stream << to_yaml(PlanFile{scenario, plan, reference(o.model, *o.save), reference(o.cluster, *o.save),
                             reference(o.stack, *o.save)});
  stream.close();
  if (!stream) return refuse({{{*o.save, 0, 0}, "cannot be written", "name a file that you may write"}});
  fmt::print(stderr, "saved the best plan to {}\n", *o.save);
  return answered;
}

SearchResult look(const ClosedFormContext& context, SearchOptions options) {
  ProgressLine progress("searching");
  options.progress = std::ref(progress);
  SearchResult result = search(context, options);
  progress.finish();
  return result;
}

Ranking rank(const ClosedFormContext& context, const SearchResult& result, const Options& o) {
  ProgressLine progress("simulating");
  RankingOptions options;
  options.top = static_cast<std::size_t>(o.top), options.threads = o.threads, options.progress = std::ref(progress);
  Ranking ranking = simulate_ranking(context.scenario, result.best, options);
  progress.finish();
  return ranking;
}

int run(const Options& o) {
  Wishes wishes;
  Result<PricedScenario> priced = read_scenario(o, wishes);
  if (!priced) return refuse(priced.error());
  const ClosedFormContext context(*std::move(priced));
  const SearchOptions options = options_of(o, wishes);
  const SearchResult result = look(context, options);
  if (result.best.empty()) {
    if (o.save) fmt::print(stderr, "{} is not written: there is no plan to save\n", *o.save);
    return explain_no_fit(context, result, o, options);
  }
  const Ranking ranking = rank(context, result, o);
  print_answer(
      SearchAnswer{context.scenario, result, wishes, ranking, cheaper_batches(context, result.best.front(), options)},
      o.json);
  return !o.save ? answered : save(o, context.scenario.given, ranking.kinds.front().best.ranked.plan);
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
  const auto of_job = [verb, o](const char* key, const char* what) {
    const auto add = [o, key](const std::string& text) { o->job.emplace_back(key, text); };
    return verb->add_option_function<std::string>(flag_of(key), add, what);
  };
  of_job("dtype", "bf16, fp16, fp8, fp32 or fp64")->default_str("the stack's: bf16 of most")->type_name("FORMAT");
  of_job("optimizer", "sgd, momentum or adamw")->default_str("adamw")->type_name("NAME");
  of_job("tuning", "what is trained of a model that is finetuned: full, lora, qlora, ...")->type_name("KIND");
  of_job("expert_skew", "rows of the busiest expert-parallel rank over the mean")->default_str("1")->type_name("N");
  verb->add_option("--stack", o->stack, "software whose constants apply: catalogue name or YAML file")
      ->capture_default_str()
      ->type_name("NAME|FILE");
  const auto set_job = [o](const std::vector<std::string>& settings) {
    for (const std::string& text : settings) {
      const std::size_t at = text.find('=');
      o->job.emplace_back(text.substr(0, at), at == std::string::npos ? "" : text.substr(at + 1));
    }
    return true;
  };
  verb->add_option("--job", set_job, "any key of the job: --job rank=16; several times; see forerun catalog keys job")
      ->type_name("KEY=VALUE")
      ->take_all();
  verb->add_option("--fix", o->fix,
                   "only plans whose key has this value, or that fulfil a condition: --fix tp=8, --fix \"tp <= 4\"; "
                   "several times")
      ->type_name("KEY=VALUE")
      ->take_all();
  verb->add_option("--forbid", o->forbid, "no plan whose key has this value: --forbid recompute=full; several times")
      ->type_name("KEY=VALUE")
      ->take_all();
  verb->add_flag("--offload", o->offload, "plans with the optimiser in the memory of the host as well");
  add_number(*verb, "--top", o->top, 1, 1000, o->problems, "kinds of plans to show")->default_str("5");
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

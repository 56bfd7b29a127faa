#include <fmt/format.h>
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/table.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/arguments.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "costmodel/own_calibrations.hpp"
#include "hardware/catalog.hpp"
#include "reports/report.hpp"
#include "reports/simulation_report.hpp"
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

std::string share(Seconds part, const Estimate& e) {
  return part > Seconds{0} ? fmt::format("{:.0f}", 100 * (part / e.step.median)) : "-";
}

std::string plans_table(const std::vector<SimulatedPlan>& plans) {
  Table table({{"#"},
               {"plan", Align::left},
               {"simulated"},
               {"closed form (80 % band)", Align::left},
               {"tokens/s", Align::right, 1},
               {"MFU"},
               {"memory"},
               {"compute %", Align::right, 4},
               {"comm. %", Align::right, 2},
               {"bubble %", Align::right, 3},
               {"other %", Align::right, 5}});
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Estimate& e = plans[i].ranked.estimate;
    Seconds communication{0};
    for (const Seconds t : e.breakdown.exposed) communication += t;
    const SimulatedFigures f = figures(e, plans[i].best_known());
    table.row({fmt::format("{}", i + 1), summary(plans[i].ranked.plan), plans[i].step ? format(*plans[i].step) : "-",
               band(e.step), format_count(f.tokens_per_second), format_percent(f.mfu), format(e.memory.total()),
               share(e.breakdown.compute + e.breakdown.recompute, e), share(communication, e),
               share(e.breakdown.bubble, e), share(e.breakdown.optimizer + e.breakdown.host, e)});
  }
  return table.text(terminal_width());
}

// What it costs to do otherwise: "+13.2 %", and "11.9 x" where percents are hard to read.
std::string cost_of(const Estimate& best, const Estimate& other) {
  const double ratio = other.step.median / best.step.median;
  return ratio < 2 ? fmt::format("{:+.1f} %", 100 * (ratio - 1)) : fmt::format("{:.1f} x", ratio);
}

std::string worth_table(const SearchResult& result) {
  Table table({{"choice", Align::left}, {"without it"}, {"step"}, {"the best plan then", Align::left}});
  const Estimate& best = result.best.front().estimate;
  const auto add = [&](const std::string& name, const std::optional<RankedPlan>& other, const char* none) {
    table.row(other ? std::vector<std::string>{name, cost_of(best, other->estimate),
                                               format(other->estimate.step.median), summary(other->plan)}
                    : std::vector<std::string>{name, "", "", none});
  };
  for (const LeftOut& left : result.left_out) add(std::string(to_string(left.feature)), left.best, "nothing fits");
  table.rule();
  add("rule of thumb", result.rule_of_thumb, "does not fit");
  return table.text(terminal_width());
}

// Where the two disagree, and what was not simulated.
std::string ranking_notes(const std::vector<SimulatedPlan>& plans) {
  constexpr double worth_saying = 0.03;
  std::vector<std::string> differ, missing;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!plans[i].step) missing.push_back(fmt::format("#{}", i + 1));
    if (std::abs(plans[i].difference()) > worth_saying)
      differ.push_back(fmt::format("#{} by {:+.1f} %", i + 1, 100 * plans[i].difference()));
  }
  std::string text = "Ranked by the closed form.";
  if (missing.size() < plans.size()) {
    text = differ.empty()
               ? "Ranked by simulation. It differs from the closed form by 3 % or less for each of them."
               : "Ranked by simulation. It differs from the closed form by more than 3 %: " + join(differ, ", ") + ".";
  }
  if (!missing.empty())
    text += fmt::format(" Not simulated (-): {}, whose steps are too large or whose places are too low.",
                        join(missing, ", "));
  return text + "\n";
}

// The plan against which the closed form says what each choice is worth.
std::string worth_title(const std::vector<SimulatedPlan>& plans) {
  if (plans.front().rank == 0)
    return "What each choice is worth (rule of thumb: TP up to the node, then PP, then DP):\n";
  const auto first = std::ranges::find(plans, std::size_t{0}, &SimulatedPlan::rank);
  const std::string which =
      first == plans.end() ? "its first plan" : fmt::format("its first plan, #{}", first - plans.begin() + 1);
  return fmt::format(
      "What each choice is worth in closed form, against {} (rule of thumb: TP up to the node, then PP, then DP):\n",
      which);
}

void print(const PricedScenario& scenario, const SearchResult& result, const std::vector<SimulatedPlan>& plans) {
  fmt::print("{}\n{}\n{}\n", headline(scenario.given), plans_table(plans), ranking_notes(plans));
  const Estimate& best = plans.front().ranked.estimate;
  fmt::print("The best plan, where its time goes in closed form:\n{}\n", breakdown_table(best));
  fmt::print("Memory of its fullest device:\n{}\n", memory_table(best.memory, terminal_width()));
  fmt::print("{}{}", worth_title(plans), worth_table(result));
  const Certificate& c = result.certificate;
  fmt::print("\nCertificate: {} plans in the space = {} priced + {} that do not fit + {} cut by bounds.\n", c.total,
             c.evaluated, c.pruned_memory, c.pruned_bound);
  fmt::print("{}", sources(scenario));
}

nlohmann::ordered_json json_of(const PricedScenario& scenario, const SearchResult& result,
                               const std::vector<SimulatedPlan>& plans) {
  nlohmann::ordered_json json = to_json(scenario.given);
  json["plans"] = nlohmann::ordered_json::array();
  for (const SimulatedPlan& plan : plans) json["plans"].push_back(to_json(plan));
  json["without"] = nlohmann::ordered_json::array();
  for (const LeftOut& left : result.left_out) {
    json["without"].push_back(
        {{"feature", to_string(left.feature)}, {"best", left.best ? to_json(*left.best) : nlohmann::ordered_json()}});
  }
  json["rule_of_thumb"] = result.rule_of_thumb ? to_json(*result.rule_of_thumb) : nlohmann::ordered_json();
  json["certificate"] = to_json(result.certificate);
  if (!scenario.own->empty()) json["calibrations"] = to_json(*scenario.own, scenario.given.cluster);
  return json;
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
  if (o.json) {
    nlohmann::ordered_json out = to_json(context.scenario.given);
    out["plans"] = nlohmann::ordered_json::array();
    out["certificate"] = to_json(result.certificate);
    out["binding"] = advice.binding;
    out["short_by"] = static_cast<std::int64_t>(advice.short_by.value());
    out["nearest"] = {{"plan", to_json(result.nearest->plan)}, {"memory", to_json(result.nearest->memory)}};
    out["would_fit"] = to_json(advice.changes);
    std::cout << out.dump(2) << "\n";
    return nothing_fits;
  }
  fmt::print("{}\nNo plan fits: of {} plans the one that needs least memory is short by {}; {} bind.\n",
             headline(context.scenario.given), result.certificate.total, format(advice.short_by), advice.binding);
  fmt::print("  {}\n{}\n", summary(result.nearest->plan), memory_table(result.nearest->memory, terminal_width()));
  fmt::print("The smallest changes that would fit:\n");
  for (const Change& change : advice.changes)
    fmt::print("  {}: {} ({})\n", change.what, summary(change.plan), format(change.total));
  if (advice.changes.empty()) fmt::print("  none of more devices, larger devices or shorter sequences is enough\n");
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
  if (o.json) {
    std::cout << json_of(context.scenario, result, plans).dump(2) << "\n";
  } else {
    print(context.scenario, result, plans);
  }
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

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
#include "studies/training_validation.hpp"
#include "studies/validation_report.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file;
  bool json = false;
  std::string by;
};

constexpr std::size_t worst_runs = 25;  // that a terminal shows

int run_training(const Options& o) {
  ProgressLine progress("predicting");
  const Result<TrainingValidation> validation =
      validate_training(o.file, [&](std::size_t done, std::size_t total) { progress(static_cast<double>(done) / static_cast<double>(total)); });
  progress.finish();
  if (!validation) return refuse(validation.error());
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

}  // namespace

void add_validate(CLI::App& app, int& code) {
  CLI::App* verb = app.add_subcommand("validate", "Score predictions against measured runs");
  verb->require_subcommand(1);
  CLI::App* training = verb->add_subcommand("training", "step times and peak memory of training runs");
  auto o = std::make_shared<Options>();
  training->add_option("file", o->file, "CSV with the columns of tests/validation/data/README.md")->required();
  training->add_flag("--json", o->json, "the same fields for programs");
  training->add_option("--by", o->by, "run: the worst predicted runs with where their time goes (--json: all runs)")->check(CLI::IsMember({"run"}));
  training->footer("Example:\n  forerun validate training tests/validation/data/training_runs.csv");
  training->callback([o, &code] { code = run_training(*o); });
}

}  // namespace forerun::cli

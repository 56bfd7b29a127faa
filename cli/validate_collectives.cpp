#include "cli/validate_collectives.hpp"

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>

#include "cli/common.hpp"
#include "costmodel/own_calibrations.hpp"
#include "reports/scores/collective_report.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> calibrations;
  bool json = false, left_out = false;
};

Problems useless(const OwnCalibrations& own) {
  Problems problems;
  for (const CalibrationFile& file : own.files) {
    if (std::holds_alternative<CollectiveCalibration>(file.of)) continue;
    problems.push_back({file.subject, "a calibration of kernels, and only collectives are scored",
                        "give it to forerun validate kernels"});
  }
  return problems;
}

int run(const Options& o) {
  const Result<CollectiveRows> rows = read_collective_rows(o.file);
  const Result<OwnCalibrations> own = load_calibrations(o.calibrations);
  Problems problems = problems_of(rows, own);
  if (problems.empty()) problems = useless(*own);
  if (!problems.empty()) return refuse(problems);
  const Result<CollectiveValidation> validation =
      score_collectives(*rows, o.left_out ? WithLeftOut::yes : WithLeftOut::no, *own);
  if (!validation) return refuse(validation.error());
  print_answer(*validation, o.json);
  return answered;
}

}  // namespace

void add_validate_collectives(CLI::App& validate, int& code) {
  CLI::App* verb =
      validate.add_subcommand("collectives", "times of collectives and messages, in a node and over a network");
  auto o = std::make_shared<Options>();
  verb->add_option("file", o->file,
                   "CSV with the columns of collectives.csv in tests/validation/data/README.md, or of measured kernels")
      ->required();
  add_calibrations(*verb, o->calibrations);
  verb->add_flag("--left-out", o->left_out,
                 "also errors on rows that the fits did not see: sizes, ranks, whole clusters");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer("Example:\n  forerun validate collectives tests/validation/data/collectives.csv --left-out");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

#include "cli/validate_collectives.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "cli/common.hpp"
#include "studies/collective_report.hpp"

namespace forerun::cli {
namespace {

struct Options {
  std::string file;
  bool json = false, left_out = false;
};

int run(const Options& o) {
  const Result<CollectiveValidation> validation = validate_collectives(o.file, o.left_out ? WithLeftOut::yes : WithLeftOut::no);
  if (!validation) return refuse(validation.error());
  if (o.json) {
    std::cout << to_json(*validation).dump(2) << "\n";
  } else {
    fmt::print("{}", to_text(*validation, terminal_width()));
  }
  return answered;
}

}  // namespace

void add_validate_collectives(CLI::App& validate, int& code) {
  CLI::App* verb = validate.add_subcommand("collectives", "times of collectives and messages, in a node and over a network");
  auto o = std::make_shared<Options>();
  verb->add_option("file", o->file, "CSV with the columns of collectives.csv in tests/validation/data/README.md, or of measured kernels")->required();
  verb->add_flag("--left-out", o->left_out, "also errors on rows that the fits did not see: sizes, ranks, whole clusters");
  verb->add_flag("--json", o->json, "the same fields for programs");
  verb->footer("Example:\n  forerun validate collectives tests/validation/data/collectives.csv --left-out");
  verb->callback([o, &code] { code = run(*o); });
}

}  // namespace forerun::cli

#include "reports/scores/kernel_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "reports/json_text.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }
std::string errors(double median, double p90) { return fmt::format("{:.1f} / {:.1f} %", 100 * median, 100 * p90); }

void add(Json& json, const KernelScore& score) {
  json["n"] = score.n;
  json["median"] = score.median;
  json["p90"] = score.p90;
  json["sum_ratio"] = score.sum_ratio;
}

Json to_json(const KernelGroupScore& group) {
  Json json = {{"source", group.source}, {"gpu", group.gpu}, {"dtype", group.dtype}, {"kind", group.kind}};
  if (!group.stack.empty()) json["library"] = group.stack;
  add(json, group.predicted);
  json["evidence"] = to_string(group.evidence);
  json["in_band"] = group.predicted.in_band;
  if (group.left_out) {
    Json unseen;
    add(unseen, *group.left_out);
    unseen["in_band"] = group.left_out->in_band;
    json["left_out"] = std::move(unseen);
  }
  return json;
}

}  // namespace

Json to_json(const KernelValidation& validation) {
  Json groups = Json::array();
  for (const KernelGroupScore& group : validation.groups) groups.push_back(to_json(group));
  Json skipped = Json::array();
  for (const SkippedRows& rows : validation.skipped) skipped.push_back({{"reason", rows.reason}, {"n", rows.n}});
  return {{"rows", validation.rows},
          {"collectives", validation.collectives},
          {"skipped", std::move(skipped)},
          {"groups", std::move(groups)}};
}

std::string json_text(const KernelValidation& validation) { return indented(to_json(validation)); }

std::string to_text(const KernelValidation& validation, int width) {
  bool refitted = false, by_library = false;
  for (const KernelGroupScore& group : validation.groups)
    refitted = refitted || group.left_out, by_library = by_library || !group.stack.empty();
  std::vector<Table::Column> columns{
      {"source", Align::left}, {"gpu", Align::left}, {"dtype", Align::left}, {"kind", Align::left}};
  if (by_library) columns.push_back({"library", Align::left});
  columns.insert(columns.end(), {{"n"}, {"median / p90"}, {"sum"}, {"in band"}, {"evidence", Align::left}});
  if (refitted) columns.insert(columns.end(), {{"left out"}, {"sum"}, {"in band"}});
  Table table(columns);
  for (const KernelGroupScore& group : validation.groups) {
    const KernelScore& p = group.predicted;
    std::vector<std::string> cells{group.source, group.gpu, group.dtype, group.kind};
    if (by_library) cells.push_back(group.stack);
    cells.insert(cells.end(), {std::to_string(p.n), errors(p.median, p.p90), fmt::format("{:.3f}", p.sum_ratio),
                               percent(p.in_band), std::string(to_string(group.evidence))});
    if (refitted && group.left_out) {
      cells.insert(cells.end(), {errors(group.left_out->median, group.left_out->p90),
                                 fmt::format("{:.3f}", group.left_out->sum_ratio), percent(group.left_out->in_band)});
    } else if (refitted) {
      cells.insert(cells.end(), {"", "", ""});
    }
    table.row(std::move(cells));
  }
  std::string text = table.text(width) + "\n";
  text +=
      "Errors are |predicted / measured - 1|; sum: all predicted over all measured; in band: rows inside their 80 % "
      "band.\n";
  if (refitted) text += "Left out: predicted by fits to the file's own rows without the model or shape of the row.\n";
  for (const SkippedRows& rows : validation.skipped) text += fmt::format("skipped: {:>5}  {}\n", rows.n, rows.reason);
  if (validation.collectives > 0)
    text += fmt::format("{} rows of collectives: see validate collectives\n", validation.collectives);
  return text;
}

std::string to_text(const KernelFitting& fitting, int width) {
  Table table({{"device", Align::left},
               {"kind", Align::left},
               {"dtype", Align::left},
               {"library", Align::left},
               {"n"},
               {"groups"},
               {"in sample"},
               {"left out"},
               {"with samples"}});
  for (const KernelCalibration& device : fitting.devices) {
    for (const KernelFit& fit : device.fits) {
      table.row({device.device, std::string(to_string(fit.kind)), std::string(to_string(fit.dtype)), fit.library,
                 std::to_string(fit.samples), std::to_string(fit.groups),
                 errors(fit.in_sample.median, fit.in_sample.p90), errors(fit.left_out.median, fit.left_out.p90),
                 fit.measured ? errors(fit.measured->left_out.median, fit.measured->left_out.p90) : "-"});
    }
  }
  std::string text =
      table.text(width) +
      "\nErrors (median / p90) are |predicted / measured - 1|; left out: of rows whose group the fit did not see;\n"
      "with samples: the same, corrected by what the form misses at samples near by (-: not better by 5 % in both).\n";
  for (const std::string& group : fitting.too_few)
    text += fmt::format("not fitted, fewer than {} rows: {}\n", fewest_samples, group);
  return text;
}

}  // namespace forerun

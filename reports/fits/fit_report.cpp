#include "reports/fits/fit_report.hpp"

#include <fmt/format.h>

#include "reports/scenario_report.hpp"
#include "reports/scores/collective_report.hpp"
#include "reports/scores/kernel_report.hpp"

namespace forerun {
namespace {

std::string row_of(const char* name, const ErrorSummary& e) {
  return fmt::format("{:<10} mean {:.1f} %, median {:.1f} %, p90 {:.1f} %, worst {:.1f} %, bias {:+.1f} %\n", name,
                     100 * e.mape, 100 * e.median, 100 * e.p90, 100 * e.worst, 100 * e.bias);
}

// Runs of models that the fit did not see.
std::string left_out_text(const StackFit& fit) {
  if (!fit.left_out) return "one model: no left-out score\n";
  std::string text = row_of("left out", fit.left_out->errors) +
                     fmt::format("80 % bands hold {:.0f} % of the runs left out\n", 100 * fit.left_out->in_band);
  if (fit.left_out->errors.mape >= fit.before.mape)
    text +=
        "WARNING: fitted values predict unseen models worse than the stated ones; do not use this fit for other "
        "models\n";
  return text;
}

}  // namespace

std::string to_text(const FitAnswer& answer, int width) {
  std::string text = answer.of_kernels ? to_text(answer.fits.kernels, width) : "";
  if (answer.of_kernels && answer.of_collectives) text += "\n";
  if (answer.of_collectives) text += to_text(answer.fits.collectives, width);
  for (const std::string& path : answer.written) text += fmt::format("wrote {}\n", path);
  return text;
}

std::string to_text(const StackFitAnswer& answer) {
  const StackFit& fit = answer.fit;
  std::string text =
      fmt::format("step times of {} runs of {}, {}", fit.runs, answer.stack, counted(fit.groups, "model"));
  if (!fit.where.empty()) text += fmt::format("; {} runs not chosen", fit.dropped);
  text += "\n" + row_of("as stated", fit.before) + row_of("fitted", fit.after) + left_out_text(fit);
  return text + to_yaml(answer.record) + fmt::format("wrote {}\n", answer.written);
}

}  // namespace forerun

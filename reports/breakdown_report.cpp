#include "reports/breakdown_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"

namespace forerun {

std::string band(const Timing& t) {
  // "14.7 s (13.1 to 16.5)": the median's unit serves its band, except where an end needs another: "938 ms (763 ms
  // to 1.15 s)".
  const std::string median = format(t.median), low = format(t.low()), high = format(t.high());
  const auto number = [](const std::string& text) { return text.substr(0, text.find(' ')); };
  const auto unit = [](const std::string& text) { return text.substr(text.find(' ')); };
  const bool one_unit = unit(low) == unit(median) && unit(high) == unit(median);
  return one_unit ? fmt::format("{} ({} to {})", median, number(low), number(high))
                  : fmt::format("{} ({} to {})", median, low, high);
}

std::string band_note(const Timing& t) { return fmt::format("80 % band {} to {}", format(t.low()), format(t.high())); }

std::string breakdown_table(const Breakdown& b, Seconds step, const std::string& note, int width) {
  Table table({{"time", Align::left}, {"waited for"}, {"share"}, {"hidden", Align::right}, {"what", Align::left, 1}});
  for (const TimeCategory& category : time_categories) {
    const Seconds exposed = category.exposed(b), hidden = category.hidden(b);
    if (exposed + hidden == Seconds{0}) continue;
    table.row({label(category), format(exposed), format_percent(exposed / step),
               hidden > Seconds{0} ? format(hidden) : "", std::string(category.meaning)});
  }
  table.rule();
  table.row({"step", format(step), "100.0 %", "", note});
  return table.text(width);
}

nlohmann::ordered_json to_json(const Breakdown& b) {
  nlohmann::ordered_json json;
  for (const TimeCategory& category : time_categories) {
    const std::string name(category.name);
    if (category.dimension) {
      json["exposed_s"][name] = category.exposed(b).value();
      json["hidden_s"][name] = category.hidden(b).value();
    } else {
      json[name + "_s"] = category.exposed(b).value();
    }
  }
  return json;
}

std::vector<TimeCategory> waited_for(std::span<const Breakdown* const> all) {
  std::vector<TimeCategory> used;
  for (const TimeCategory& category : time_categories) {
    if (std::ranges::any_of(all, [&](const Breakdown* b) { return category.exposed(*b) > Seconds{0}; }))
      used.push_back(category);
  }
  return used;
}

std::string bar(const Breakdown& b, int width) {
  const Breakdown* const only = &b;
  std::string text, legend;
  Seconds until;
  for (const TimeCategory& category : waited_for({&only, 1})) {
    until += category.exposed(b);
    const auto end = static_cast<std::size_t>(std::lround(until / b.total() * std::clamp(width, 30, 100)));
    text.append(end - std::min(end, text.size()), category.mark);
    legend += fmt::format("{}{} {}", legend.empty() ? "" : ", ", category.mark, label(category));
  }
  return text + "\n" + legend + "\n";
}

}  // namespace forerun

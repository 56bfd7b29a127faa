#include "validation/training/training_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/files/csv.hpp"
#include "base/files/text_file.hpp"
#include "base/problem_list.hpp"
#include "base/text.hpp"

namespace forerun {
namespace {

struct TextColumn {
  std::string_view name;
  std::string TrainingRow::* field;
  bool required;
};
constexpr std::array text_columns{
    TextColumn{"run_id", &TrainingRow::run_id, true},
    TextColumn{"source", &TrainingRow::source, true},
    TextColumn{"stack", &TrainingRow::stack, true},
    TextColumn{"model", &TrainingRow::model, true},
    TextColumn{"gpu", &TrainingRow::gpu, true},
    TextColumn{"tuning", &TrainingRow::tuning, false},
    TextColumn{"interconnect", &TrainingRow::interconnect, false},
    TextColumn{"schedule", &TrainingRow::schedule, false},
    TextColumn{"stages", &TrainingRow::stages, false},
    TextColumn{"recompute", &TrainingRow::recompute, false},
    TextColumn{"dtype", &TrainingRow::dtype, false},
    TextColumn{"flash_attention", &TrainingRow::flash_attention, false},
    TextColumn{"overlap", &TrainingRow::overlap, false},
    TextColumn{"notes", &TrainingRow::notes, false},
};

// Limits are far beyond any machine or model; with them no product of a row's numbers overflows where it is used.
struct NumberColumn {
  std::string_view name;
  std::optional<int> TrainingRow::* field;
  bool required;
  int least, most;
};
constexpr std::array number_columns{
    NumberColumn{"layers", &TrainingRow::layers, true, 1, 1 << 10},
    NumberColumn{"hidden", &TrainingRow::hidden, true, 1, 1 << 17},
    NumberColumn{"heads", &TrainingRow::heads, true, 1, 1 << 12},
    NumberColumn{"seq", &TrainingRow::seq, true, 1, 1 << 24},
    NumberColumn{"global_batch", &TrainingRow::global_batch, true, 1, 1 << 24},
    NumberColumn{"micro_batch", &TrainingRow::micro_batch, true, 1, 1 << 16},
    NumberColumn{"gpus", &TrainingRow::gpus, true, 1, 1 << 20},
    NumberColumn{"tp", &TrainingRow::tp, true, 1, 1 << 12},
    NumberColumn{"pp", &TrainingRow::pp, true, 1, 1 << 12},
    NumberColumn{"dp", &TrainingRow::dp, true, 1, 1 << 20},
    NumberColumn{"kv_heads", &TrainingRow::kv_heads, false, 1, 1 << 12},
    NumberColumn{"ffn", &TrainingRow::ffn, false, 1, 1 << 20},
    NumberColumn{"year", &TrainingRow::year, false, 1990, 2100},
    NumberColumn{"vocab", &TrainingRow::vocab, false, 1, 1 << 26},
    NumberColumn{"experts", &TrainingRow::experts, false, 0, 1 << 12},
    NumberColumn{"topk", &TrainingRow::topk, false, 0, 1 << 12},
    NumberColumn{"sp", &TrainingRow::sp, false, 0, 1},
    NumberColumn{"vpp", &TrainingRow::vpp, false, 1, 1 << 10},
    NumberColumn{"cp", &TrainingRow::cp, false, 1, 1 << 12},
    NumberColumn{"ep", &TrainingRow::ep, false, 1, 1 << 12},
    NumberColumn{"zero", &TrainingRow::zero, false, 0, 3},
};

constexpr double gibibyte = 1024.0 * 1024.0 * 1024.0;

class Reader {
 public:
  explicit Reader(const CsvTable& table) : table_(table) {}

  void check_columns(const std::string& name) {
    std::vector<std::string> missing;
    const auto need = [&](std::string_view column, bool required) {
      if (required && !table_.column(column)) missing.emplace_back(column);
    };
    for (const TextColumn& c : text_columns) need(c.name, c.required);
    for (const NumberColumn& c : number_columns) need(c.name, c.required);
    need("step_time_s", true);
    if (missing.empty()) return;
    problems.add({{name, 1, 1},
                  fmt::format("missing {}: {}", missing.size() == 1 ? "column" : "columns", join(missing, ", ")),
                  "tests/validation/data/README.md says what each column holds; cells may stay empty"});
  }

  TrainingRow row(const std::vector<CsvCell>& cells) {
    cells_ = &cells;
    TrainingRow row;
    row.at = cells.front().at;
    for (const TextColumn& c : text_columns) {
      if (const CsvCell* cell = find(c.name)) row.*c.field = cell->text;
    }
    for (const NumberColumn& c : number_columns) {
      if (const CsvCell* cell = find(c.name)) row.*c.field = integer(*cell, c);
    }
    if (const CsvCell* cell = find("params_b")) {
      if (const auto billions = positive<double>(*cell, "params_b")) row.parameters = 1e9 * *billions;
    }
    if (const CsvCell* cell = find("step_time_s")) row.step_time = positive<Seconds>(*cell, "step_time_s");
    if (const CsvCell* cell = find("peak_memory_gib")) {
      if (const auto gib = positive<Bytes>(*cell, "peak_memory_gib")) row.peak_memory = gibibyte * *gib;
    }
    if (const CsvCell* cell = find("fits")) {
      row.out_of_memory = cell->text == "no";
      if (cell->text != "no" && cell->text != "yes")
        row.unreadable = fmt::format("fits: {} is not known", quoted(cell->text));
    }
    return row;
  }

  ProblemList problems;

 private:
  // The cell of a column; null where it is empty or the file has no such column.
  const CsvCell* find(std::string_view column) const {
    const auto i = table_.column(column);
    return i && !(*cells_)[*i].text.empty() ? &(*cells_)[*i] : nullptr;
  }

  void report(const CsvCell& cell, std::string_view column, std::string hint) {
    problems.add({cell.at, fmt::format("{} is not a value for '{}'", quoted(cell.text), column), std::move(hint)});
  }

  std::optional<int> integer(const CsvCell& cell, const NumberColumn& column) {
    int value = 0;
    const char* end = cell.text.data() + cell.text.size();
    const auto [stop, error] = std::from_chars(cell.text.data(), end, value);
    if (error == std::errc{} && stop == end && value >= column.least && value <= column.most) return value;
    report(cell, column.name,
           fmt::format("write a whole number from {} to {}, or leave it empty", column.least, column.most));
    return std::nullopt;
  }

  template <class Q>
  std::optional<Q> positive(const CsvCell& cell, std::string_view column) {
    double value = 0;
    const char* end = cell.text.data() + cell.text.size();
    const auto [stop, error] = std::from_chars(cell.text.data(), end, value);
    constexpr double most = 1e12;
    if (error == std::errc{} && stop == end && value > 0 && value < most) return Q{value};
    report(cell, column, "write a number above zero, or leave it empty");
    return std::nullopt;
  }

  const CsvTable& table_;
  const std::vector<CsvCell>* cells_ = nullptr;
};

}  // namespace

std::vector<std::string> unstated(const TrainingRow& row) {
  std::vector<std::string> names;
  for (const NumberColumn& c : number_columns) {
    if (c.required && !(row.*c.field)) names.emplace_back(c.name);
  }
  return names;
}

std::vector<std::string> training_columns() {
  std::vector<std::string> names{"step_time_s", "peak_memory_gib"};
  for (const NumberColumn& c : number_columns) names.emplace_back(c.name);
  for (const TextColumn& c : text_columns) names.emplace_back(c.name);
  return names;
}

bool is_number_column(std::string_view column) {
  const auto named = [column](const NumberColumn& c) { return c.name == column; };
  return column == "step_time_s" || column == "peak_memory_gib" ||
         std::any_of(number_columns.begin(), number_columns.end(), named);
}

std::optional<double> number_in(const TrainingRow& row, std::string_view column) {
  if (column == "step_time_s" && row.step_time) return row.step_time->value();
  if (column == "peak_memory_gib" && row.peak_memory) return row.peak_memory->value() / gibibyte;
  for (const NumberColumn& c : number_columns) {
    if (c.name == column && row.*c.field) return *(row.*c.field);
  }
  return std::nullopt;
}

std::string text_in(const TrainingRow& row, std::string_view column) {
  for (const TextColumn& c : text_columns) {
    if (c.name == column) return row.*c.field;
  }
  return "";
}

std::string shape_of(const TrainingRow& row) {
  return fmt::format("{} {} {} {}", row.layers.value_or(0), row.hidden.value_or(0), row.heads.value_or(0),
                     row.experts.value_or(0));
}

Result<std::vector<TrainingRow>> parse_training_rows(const std::string& text, const std::string& name) {
  const Result<CsvTable> table = parse_csv(text, name);
  if (!table) return fail(table.error());
  Reader reader(*table);
  reader.check_columns(name);
  if (!reader.problems.empty()) return fail(reader.problems.problems());
  std::vector<TrainingRow> rows;
  for (const std::vector<CsvCell>& cells : table->rows) rows.push_back(reader.row(cells));
  if (!reader.problems.empty()) return fail(reader.problems.problems());
  return rows;
}

Result<std::vector<TrainingRow>> read_training_rows(const std::string& path) {
  const Result<std::string> text = read_text_file(path);
  if (!text) return fail(text.error());
  Problems problems = check_text(*text, path);
  if (!problems.empty()) return fail(std::move(problems));
  return parse_training_rows(*text, path);
}

}  // namespace forerun

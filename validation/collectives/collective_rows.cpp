#include "validation/collectives/collective_rows.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/files/csv.hpp"
#include "base/files/name_or_path.hpp"
#include "base/files/text_file.hpp"
#include "base/problem_list.hpp"
#include "base/text.hpp"
#include "costmodel/kernels/kernel_form.hpp"

namespace forerun {
namespace {

struct Name {
  std::string_view name;  // without '_'
  CollectiveKind kind;
  bool custom = false;
};
constexpr std::array<Name, 7> names{{{"allreduce", CollectiveKind::all_reduce},
                                     {"allgather", CollectiveKind::all_gather},
                                     {"reducescatter", CollectiveKind::reduce_scatter},
                                     {"alltoall", CollectiveKind::all_to_all},
                                     {"broadcast", CollectiveKind::broadcast},
                                     {"sendrecv", CollectiveKind::send},
                                     {"allreducecustom", CollectiveKind::all_reduce, true}}};
bool is_kernel(const std::string& kind) {
  const std::vector<std::string>& kinds = kernel_kind_names();
  return kind.ends_with("_backward") || std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

std::string bare(std::string_view text) {
  std::string word;
  for (const char c : lower(text)) {
    if (c != '_' && c != '-') word += c;
  }
  return word;
}

// The number after "devs_per_node=", 0 where there is none.
int devices_per_node(const std::string& notes) {
  constexpr std::string_view key = "devs_per_node=";
  const std::size_t at = notes.find(key);
  if (at == std::string::npos) return 0;
  int count = 0;
  std::from_chars(notes.data() + at + key.size(), notes.data() + notes.size(), count);
  return count;
}

class Reader {
 public:
  explicit Reader(const CsvTable& table)
      : table_(table),
        kind_column_(table.column("collective") ? "collective" : "kind"),
        ranks_column_(table.column("ngpus") ? "ngpus" : "ranks") {}

  void check_columns(const std::string& name) {
    std::vector<std::string> missing;
    for (const std::string_view column : {std::string_view("gpu"), kind_column_, ranks_column_,
                                          std::string_view("bytes"), std::string_view("time_us")}) {
      if (!table_.column(column)) missing.emplace_back(column);
    }
    if (missing.empty()) return;
    problems.add({{name, 1, 1},
                  fmt::format("missing {}: {}", missing.size() == 1 ? "column" : "columns", join(missing, ", ")),
                  "the columns are source, gpu, ngpus, nnodes, intra_link, inter_link, collective, bytes, "
                  "time_us, notes; or source, gpu, dtype, "
                  "kind, bytes, ranks, time_us, notes"});
  }

  void read(const std::vector<CsvCell>& cells, CollectiveRows& into) {
    cells_ = &cells;
    CollectiveRow row{.source = text("source"),
                      .gpu = text("gpu"),
                      .dtype = text("dtype"),
                      .notes = text("notes"),
                      .name = text(kind_column_),
                      .intra_link = text("intra_link"),
                      .inter_link = text("inter_link"),
                      .nccl_version = text("nccl_version")};
    if (is_kernel(lower(row.name))) {
      ++into.others;
      return;
    }
    const std::size_t before = problems.size();
    if (!read_name(row, into)) return;
    row.ranks = static_cast<int>(number(ranks_column_, 1, 1e6));
    row.nodes = nodes(row);
    row.bytes = Bytes{number("bytes", 0, 1e15)};
    if (text("time_us").empty()) {
      ++into.untimed;
      return;
    }
    row.time = 1e-6 * Seconds{number("time_us", 0, 1e12)};
    if (row.source.empty()) row.source = "unnamed";
    if (problems.size() != before) return;
    if (row.time > Seconds{0} && row.ranks > 1) {
      into.rows.push_back(std::move(row));
    } else {
      ++into.untimed;
    }
  }

  ProblemList problems;

 private:
  [[nodiscard]] const CsvCell* find(std::string_view column) const {
    const auto index = table_.column(column);
    return index ? &(*cells_)[*index] : nullptr;
  }
  [[nodiscard]] std::string text(std::string_view column) const {
    const CsvCell* cell = find(column);
    return cell == nullptr ? "" : cell->text;
  }

  // Else the row is counted among those that are left out.
  bool read_name(CollectiveRow& row, CollectiveRows& into) const {
    for (const Name& known : names) {
      if (known.name != bare(row.name)) continue;
      row.kind = known.kind;
      row.custom = known.custom;
      return true;
    }
    std::vector<std::string> all;
    for (const Name& known : names) all.emplace_back(known.name);
    const CsvCell& cell = *find(kind_column_);
    const std::string message = forerun::quoted(cell.text) + " is not a collective";
    count_skipped(into.skipped, fmt::format("{}: {}", kind_column_, message),
                  {cell.at, message, suggestion(row.name, all)});
    return false;
  }

  int nodes(const CollectiveRow& row) {
    const int each = devices_per_node(row.notes);
    const int nodes = each > 0                 ? std::max(1, row.ranks / each)
                      : text("nnodes").empty() ? 1
                                               : static_cast<int>(number("nnodes", 1, 1e6));
    if (row.ranks % nodes != 0) {
      problems.add({cells_->front().at, fmt::format("{} ranks cannot be spread evenly over {} nodes", row.ranks, nodes),
                    "write a multiple of the nodes"});
    }
    return nodes;
  }

  double number(std::string_view column, double least, double most) {
    const CsvCell* cell = find(column);
    double value = least;
    const char* end = cell->text.data() + cell->text.size();
    const auto [stop, error] = std::from_chars(cell->text.data(), end, value);
    if (error == std::errc{} && stop == end && std::isfinite(value) && value >= least && value <= most) return value;
    problems.add({cell->at, fmt::format("{} is not a value for '{}'", forerun::quoted(cell->text), column),
                  fmt::format("write a number from {:g} to {:g}", least, most)});
    return least;
  }

  const CsvTable& table_;
  std::string_view kind_column_, ranks_column_;
  const std::vector<CsvCell>* cells_ = nullptr;
};

}  // namespace

Result<CollectiveRows> parse_collective_rows(std::string_view text, const std::string& name) {
  const Result<CsvTable> table = parse_csv(text, name);
  if (!table) return fail(table.error());
  Reader reader(*table);
  reader.check_columns(name);
  if (!reader.problems.empty()) return fail(reader.problems.problems());
  CollectiveRows rows;
  for (const auto& cells : table->rows) reader.read(cells, rows);
  if (!reader.problems.empty()) return fail(reader.problems.problems());
  if (rows.rows.empty() && rows.others + rows.untimed == 0) return fail(problems_of(rows.skipped));
  return rows;
}

Result<CollectiveRows> read_collective_rows(const std::string& path) {
  const Result<std::string> text = read_text_file(path);
  if (!text) return fail(text.error());
  if (Problems problems = check_text(*text, path); !problems.empty()) return fail(std::move(problems));
  Result<CollectiveRows> rows = parse_collective_rows(*text, path);
  if (!rows) return rows;
  for (CollectiveRow& row : rows->rows) {
    if (names_file(row.gpu)) row.gpu = beside(row.gpu, path);
  }
  return rows;
}

}  // namespace forerun

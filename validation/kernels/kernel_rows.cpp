#include "validation/kernels/kernel_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "base/files/csv.hpp"
#include "base/files/name_or_path.hpp"
#include "base/files/text_file.hpp"
#include "base/problem_list.hpp"
#include "base/text.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

const std::vector<std::string> kernel_names = [] {
  std::vector<std::string> names = kernel_kind_names();
  names.emplace_back("attn_backward");
  for (std::size_t k = static_cast<std::size_t>(KernelKind::norm); k < kernel_kinds; ++k)
    names.push_back(kernel_kind_names()[k] + "_backward");
  return names;
}();
const std::vector<std::string> collective_names{"allreduce", "allgather", "reducescatter",   "alltoall",
                                                "broadcast", "sendrecv",  "allreduce_custom"};

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// The parts of a cell that are separated by semicolons.
std::vector<std::string> parts(const std::string& text) {
  std::vector<std::string> list;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t to = std::min(text.find(';', from), text.size());
    if (to > from) list.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return list;
}

// Notes are "library;kernel", or "model;operator;tp8" where a model was profiled.
bool names_model(const std::vector<std::string>& notes) { return notes.size() == 3 && notes[2].starts_with("tp"); }

std::string library_of(const KernelRow& row, const std::vector<std::string>& notes) {
  if (names_model(notes)) return row.source + "-" + (row.kind == "gemm" ? "cublas" : notes[1]);
  if (notes.empty()) return row.source;
  const bool attention = row.kind.starts_with("attn");
  return attention && notes.size() > 1 ? notes[0] + "/" + notes[1] : notes[0];
}

class Reader {
 public:
  Reader(const CsvTable& table, const std::string& file) : table_(table), file_(file) {}

  void check_columns(const std::string& name) {
    std::vector<std::string> missing;
    for (const char* column : {"gpu", "dtype", "kind", "time_us"}) {
      if (!table_.column(column)) missing.emplace_back(column);
    }
    if (missing.empty()) return;
    problems.add({{name, 1, 1},
                  fmt::format("missing {}: {}", missing.size() == 1 ? "column" : "columns", join(missing, ", ")),
                  "the columns are source, gpu, dtype, kind, m, n, k, batch, heads, kv_heads, head_dim, q_len, "
                  "kv_len, bytes, time_us, notes"});
  }

  // Adds the row, or counts it among the collectives, or reports why it is neither.
  void read(const std::vector<CsvCell>& cells, KernelRows& into) {
    cells_ = &cells;
    KernelRow row{.source = text("source"), .gpu = text("gpu"), .kind = lower(text("kind"))};
    if (contains(collective_names, row.kind)) {
      ++into.collectives;
      return;
    }
    const std::size_t before = problems.size();
    if (names_file(row.gpu)) row.gpu = beside(row.gpu, file_);
    if (!knows_words(row, into)) return;
    if (row.source.empty()) row.source = "unnamed";
    row.dtype = *dtype_from(lower(text("dtype")));
    row.time = 1e-6 * Seconds{number("time_us", 1e12)};
    const std::vector<std::string> notes = parts(text("notes"));
    row.library = library_of(row, notes);
    row.kernel = kernel(row, notes);
    row.group = names_model(notes) ? notes[0] : group(row);
    if (problems.size() == before) into.rows.push_back(std::move(row));
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

  // Whether the kind, the device and the format are known; else the row is counted by the word that is not.
  bool knows_words(const KernelRow& row, KernelRows& into) {
    const auto skip = [&](std::string_view column, std::string_view what, std::string hint) {
      const CsvCell& cell = *find(column);
      const std::string message = fmt::format("{} is not {}", quoted(cell.text), what);
      count_skipped(into.skipped, fmt::format("{}: {}", column, message), {cell.at, message, std::move(hint)});
      return false;
    };
    if (!contains(kernel_names, row.kind))
      return skip("kind", "the kind of a kernel", suggestion(row.kind, kernel_names));
    if (const std::optional<std::string>& unknown = hint_of_device(row.gpu))
      return skip("gpu", "a device that the catalogue knows", *unknown);
    if (dtype_from(lower(text("dtype")))) return true;
    std::vector<std::string> names;
    for (const DType d : all_dtypes) names.emplace_back(to_string(d));
    return skip("dtype", "a number format", suggestion(lower(text("dtype")), names));
  }

  // nullopt: the device is known.
  const std::optional<std::string>& hint_of_device(const std::string& gpu) {
    const auto [known, fresh] = devices_.try_emplace(gpu);
    if (!fresh) return known->second;
    if (const auto device = find_device(gpu); !device) known->second = device.error().front().hint;
    return known->second;
  }

  void report(const CsvCell& cell, std::string_view what, std::string hint) {
    problems.add_in_order({cell.at, fmt::format("{} is not {}", quoted(cell.text), what), std::move(hint)});
  }
  // A positive number up to `most`; 1 after a problem.
  double number(std::string_view column, double most) {
    const CsvCell* cell = find(column);
    if (cell == nullptr) {
      if (said_.insert(std::string(column)).second)
        problems.add_in_order(
            {cells_->front().at, fmt::format("no column '{}', which this kind needs", column), "add it"});
      return 1;
    }
    double value = 0;
    const char* end = cell->text.data() + cell->text.size();
    const auto [stop, error] = std::from_chars(cell->text.data(), end, value);
    if (error == std::errc{} && stop == end && std::isfinite(value) && value > 0 && value <= most) return value;
    report(*cell, fmt::format("a value for '{}'", column), fmt::format("write a number above 0, at most {:g}", most));
    return 1;
  }
  std::int64_t count(std::string_view column) {
    const double value = number(column, 1e9);
    if (value != std::floor(value))
      report(*find(column), fmt::format("a value for '{}'", column), "write a whole number");
    return static_cast<std::int64_t>(value);
  }
  std::int64_t count_or(std::string_view column, std::int64_t otherwise) {
    return text(column).empty() ? otherwise : count(column);
  }

  // "out=4" among the notes: bytes of an element that the product writes, where they are not those of its format.
  static std::optional<int> output_size(const std::vector<std::string>& notes) {
    for (const std::string& note : notes) {
      for (const int bytes : {1, 2, 4, 8}) {
        if (note == fmt::format("out={}", bytes)) return bytes;
      }
    }
    return std::nullopt;
  }

  Kernel kernel(const KernelRow& row, const std::vector<std::string>& notes) {
    if (row.kind == "gemm") {
      const int output =
          output_size(notes).value_or(static_cast<int>(std::clamp(size_of(row.dtype).value(), 2.0, 8.0)));
      return Gemm{.m = count("m"),
                  .n = count("n"),
                  .k = count("k"),
                  .batch = count_or("batch", 1),
                  .dtype = row.dtype,
                  .output_size = output};
    }
    if (row.kind.starts_with("attn")) return attention(row);
    const bool embedding = names_model(notes) && notes[1] == "emb";
    const bool backward = row.kind.ends_with("_backward");
    const std::string forward =
        row.kind.substr(0, row.kind.size() - (backward ? std::string_view("_backward").size() : 0));
    const auto at =
        std::find(kernel_kind_names().begin() + static_cast<int>(KernelKind::norm), kernel_kind_names().end(), forward);
    const auto kind = static_cast<StreamingKind>(at - kernel_kind_names().begin() - static_cast<int>(KernelKind::norm));
    return Streaming{embedding ? StreamingKind::embedding : kind, Bytes{number("bytes", 1e15)}, backward};
  }

  Kernel attention(const KernelRow& row) {
    FusedAttention a{.sequences = count_or("batch", 1), .dtype = row.dtype};
    a.heads = static_cast<int>(count("heads"));
    a.kv_heads = static_cast<int>(count_or("kv_heads", a.heads));
    a.head_dim = a.value_dim = static_cast<int>(count("head_dim"));
    a.q_len = row.kind == "attn_decode" ? count_or("q_len", 1) : count("q_len");
    a.kv_len = count_or("kv_len", a.q_len);
    if (a.kv_len < a.q_len)
      report(*find("kv_len"), "a key length that holds the queries", "kv_len counts the new tokens as well");
    a.visible = visible_share(a.q_len, a.kv_len);
    a.backward = row.kind == "attn_backward";
    return a;
  }

  static std::string group(const KernelRow& row) {
    if (const auto* g = std::get_if<Gemm>(&row.kernel)) return fmt::format("{} {} {}", g->n, g->k, g->batch);
    if (const auto* a = std::get_if<FusedAttention>(&row.kernel))
      return fmt::format("{} {} {}", a->heads, a->kv_heads, a->head_dim);
    return fmt::format("{:g}", std::get<Streaming>(row.kernel).bytes.value());
  }

  const CsvTable& table_;
  const std::string& file_;
  const std::vector<CsvCell>* cells_ = nullptr;
  std::set<std::string> said_;  // columns that are missing
  std::map<std::string, std::optional<std::string>> devices_;  // a hint for those that are not known
};

}  // namespace

Result<KernelRows> parse_kernel_rows(std::string_view text, const std::string& name) {
  const Result<CsvTable> table = parse_csv(text, name);
  if (!table) return fail(table.error());
  Reader reader(*table, name);
  reader.check_columns(name);
  if (!reader.problems.empty()) return fail(reader.problems.problems());
  KernelRows rows;
  for (const auto& cells : table->rows) reader.read(cells, rows);
  if (!reader.problems.empty()) {  // where the file is refused, its unknown words are said as well
    for (Problem& word : problems_of(rows.skipped)) reader.problems.add_in_order(std::move(word));
    return fail(reader.problems.problems());
  }
  if (rows.rows.empty() && rows.collectives == 0) return fail(problems_of(rows.skipped));
  return rows;
}

Result<KernelRows> read_kernel_rows(const std::string& path) {
  const Result<std::string> text = read_text_file(path);
  if (!text) return fail(text.error());
  Problems problems = check_text(*text, path);
  if (!problems.empty()) return fail(std::move(problems));
  return parse_kernel_rows(*text, path);
}

}  // namespace forerun

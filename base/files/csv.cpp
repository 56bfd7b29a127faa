#include "base/files/csv.hpp"

#include <fmt/format.h>

#include "base/problem_list.hpp"

namespace forerun {
namespace {

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
  }

  std::vector<std::vector<CsvCell>> records() {
    constexpr std::size_t most_cells = 1'000'000, longest_cell = 100'000;
    std::vector<std::vector<CsvCell>> all;
    std::size_t cells = 0;
    while (next_ < text_.size()) {
      const Position begins = here();
      std::vector<CsvCell> record = this->record();
      const bool empty_line = record.size() == 1 && record.front().text.empty();
      if ((cells += record.size()) > most_cells) {
        problems.add({begins, "the file has more than 1,000,000 cells", "split it"});
        return all;
      }
      for (const CsvCell& cell : record) {
        if (cell.text.size() > longest_cell)
          problems.add({cell.at, fmt::format("a cell of {} bytes", cell.text.size()), "is a quote not closed?"});
      }
      if (!empty_line) all.push_back(std::move(record));
    }
    return all;
  }

  ProblemList problems;

 private:
  [[nodiscard]] Position here() const { return {name_, line_, column_}; }
  [[nodiscard]] bool at(char c) const { return next_ < text_.size() && text_[next_] == c; }
  [[nodiscard]] bool at_line_end() const {
    return at('\n') || (at('\r') && next_ + 1 < text_.size() && text_[next_ + 1] == '\n');
  }

  char take() {
    const char c = text_[next_++];
    const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;  // UTF-8: the column counts characters
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else if (!continues) {
      ++column_;
    }
    return c;
  }

  std::vector<CsvCell> record() {
    std::vector<CsvCell> cells{cell()};
    while (at(',')) {
      take();
      cells.push_back(cell());
    }
    while (at_line_end()) {
      const bool last = take() == '\n';
      if (last) break;
    }
    return cells;
  }

  CsvCell cell() {
    CsvCell cell{{}, here()};
    if (at('"')) {
      quoted(cell);
    }
    while (next_ < text_.size() && !at(',') && !at_line_end()) {
      if (at('"')) {
        if (!stray_)
          problems.add(
              {here(), "a quote inside a cell", "put the whole cell in quotes and write each quote in it twice"});
        stray_ = true;
      }
      cell.text += take();
    }
    return cell;
  }

  void quoted(CsvCell& cell) {
    take();
    while (next_ < text_.size()) {
      const char c = take();
      if (c != '"') {
        cell.text += c;
      } else if (at('"')) {
        cell.text += take();
      } else {
        return;
      }
    }
    problems.add(
        {cell.at, "the quote that opens here is never closed", "close it; a quote inside a cell is written twice"});
  }

  std::string_view text_;
  std::string name_;
  std::size_t next_ = 0;
  int line_ = 1, column_ = 1;
  bool stray_ = false;  // said once; one slip makes many
};

}  // namespace

std::optional<std::size_t> CsvTable::column(std::string_view name) const {
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i].text == name) return i;
  }
  return std::nullopt;
}

Result<CsvTable> parse_csv(std::string_view text, const std::string& name) {
  Parser parser(text, name);
  std::vector<std::vector<CsvCell>> records = parser.records();
  ProblemList problems = std::move(parser.problems);
  if (records.empty()) {
    problems.add({{name, 0, 0}, "the file has no header line", "begin with a line of column names"});
    return fail(problems.problems());
  }
  constexpr std::size_t most_columns = 1000;
  if (records.front().size() > most_columns) {
    problems.add({{name, 1, 1}, fmt::format("a header of {} columns", records.front().size()), "name at most 1000"});
    return fail(problems.problems());
  }
  CsvTable table{std::move(records.front()), {}};
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    if (*table.column(table.header[i].text) != i) {
      problems.add({table.header[i].at, fmt::format("column '{}' is named twice", table.header[i].text),
                    "name each column once"});
    }
  }
  for (std::size_t i = 1; i < records.size(); ++i) {
    if (records[i].size() != table.header.size()) {
      problems.add({records[i].front().at,
                    fmt::format("{} cells in a file of {} columns", records[i].size(), table.header.size()),
                    "give every row as many cells as the header; quote cells that hold commas"});
    }
    table.rows.push_back(std::move(records[i]));
  }
  if (problems.empty() && table.rows.empty())
    problems.add({{name, 0, 0}, "the file has no rows below its header", "write a row a measurement"});
  if (!problems.empty()) return fail(problems.problems());
  return table;
}

}  // namespace forerun

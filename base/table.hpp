// Text tables that fit the terminal.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace forerun {

enum class Align : std::uint8_t { left, right };

class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::right;
    int priority = 0;  // when the table is too wide, columns of the highest number go first; 0 never goes
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<std::string> cells);  // one cell a column
  void rule();                               // a line between rows
  // Every line at most `width` display columns where dropping columns and wrapping left-aligned cells can do it. Names
  // the dropped columns in a last line "not shown: a, b (widen the terminal, or --json)".
  [[nodiscard]] std::string text(int width) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // an empty row is a rule
};

// Columns of the terminal on stdout; COLUMNS or 100 when it is not one.
int terminal_width();

}  // namespace forerun

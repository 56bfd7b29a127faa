#include "base/table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <string_view>

#include "base/text.hpp"

namespace forerun {
namespace {

constexpr std::size_t gap = 2;  // spaces between columns
constexpr std::size_t comfortable = 32;  // a text is wrapped to it before columns are dropped
constexpr std::size_t narrowest = 4;     // that a text is wrapped to

using Widths = std::vector<std::size_t>;
using Shown = std::vector<std::size_t>;  // indices of columns, in order

std::size_t total(const Widths& widths, const Shown& shown) {
  std::size_t sum = 0;
  for (const std::size_t column : shown) sum += widths[column];
  return shown.empty() ? 0 : sum + gap * (shown.size() - 1);
}

// The last of the least important columns, or the end.
Shown::const_iterator next_to_drop(const Shown& shown, const std::vector<Table::Column>& columns) {
  auto worst = shown.end();
  for (auto it = shown.begin(); it != shown.end(); ++it) {
    const int priority = columns[*it].priority;
    if (priority > 0 && (worst == shown.end() || priority >= columns[*worst].priority)) worst = it;
  }
  return worst;
}

std::vector<std::string> drop_columns(Shown& shown, const Widths& widths, const std::vector<Table::Column>& columns,
                                      std::size_t limit) {
  Shown dropped;
  while (total(widths, shown) > limit) {
    const auto next = next_to_drop(shown, columns);
    if (next == shown.end()) break;
    dropped.push_back(*next);
    shown.erase(next);
  }
  std::sort(dropped.begin(), dropped.end());
  std::vector<std::string> titles;
  for (const std::size_t column : dropped) titles.push_back(columns[column].title);
  return titles;
}

// Takes from the widest text first, which is then wrapped. Numbers stay on one line.
void narrow_columns(Widths& widths, const Shown& shown, const std::vector<Table::Column>& columns, std::size_t limit) {
  while (total(widths, shown) > limit) {
    std::size_t* widest = nullptr;
    for (const std::size_t column : shown) {
      const bool can_shrink = columns[column].align == Align::left && widths[column] > narrowest;
      if (can_shrink && (widest == nullptr || widths[column] > *widest)) widest = &widths[column];
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

std::string padded(const std::string& cell, std::size_t width, Align align) {
  const std::string space(width - std::min(width, characters(cell)), ' ');
  return align == Align::left ? cell + space : space + cell;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

// A line break or an escape sequence in a name must not break the table.
std::string printable(std::string cell) {
  std::replace_if(cell.begin(), cell.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, ' ');
  return cell;
}

}  // namespace

void Table::row(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size() && "one cell a column");
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = printable(std::move(cell));
  rows_.push_back(std::move(cells));
}

void Table::rule() { rows_.emplace_back(); }

std::string Table::text(int width) const {
  const auto limit = static_cast<std::size_t>(std::max(width, 1));
  Widths widths;
  for (const Column& column : columns_) widths.push_back(characters(column.title));
  for (const auto& cells : rows_) {
    for (std::size_t c = 0; c < cells.size(); ++c) widths[c] = std::max(widths[c], characters(cells[c]));
  }
  Shown shown(columns_.size());
  std::iota(shown.begin(), shown.end(), 0U);
  Widths least = widths;
  for (std::size_t c = 0; c < least.size(); ++c) {
    if (columns_[c].align == Align::left) least[c] = std::min(least[c], comfortable);
  }
  const std::vector<std::string> dropped = drop_columns(shown, least, columns_, limit);
  narrow_columns(widths, shown, columns_, limit);

  const auto lines = [&](auto cell_of) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (const std::size_t c : shown) {
      const bool wraps = columns_[c].align == Align::left;
      cells.push_back(wraps ? wrapped(cell_of(c), widths[c]) : std::vector<std::string>{cell_of(c)});
      height = std::max(height, cells.back().size());
    }
    std::string text;
    for (std::size_t row = 0; row < height; ++row) {
      std::string line;
      for (std::size_t i = 0; i < shown.size(); ++i) {
        if (i > 0) line.append(gap, ' ');
        line += padded(row < cells[i].size() ? cells[i][row] : "", widths[shown[i]], columns_[shown[i]].align);
      }
      text += without_trailing_spaces(std::move(line));
    }
    return text;
  };
  const std::string between = std::string(total(widths, shown), '-') + "\n";
  std::string text = lines([&](std::size_t c) { return columns_[c].title; }) + between;
  for (const auto& cells : rows_) text += cells.empty() ? between : lines([&](std::size_t c) { return cells[c]; });
  if (dropped.empty()) return text;
  return text + join(wrapped("not shown: " + join(dropped, ", ") + " (widen the terminal, or --json)", limit), "\n") +
         "\n";
}

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* set = std::getenv("COLUMNS");
  const std::string_view columns = set == nullptr ? "" : set;
  int given = 0;
  std::from_chars(columns.data(), columns.data() + columns.size(), given);
  return given > 0 && given <= 10'000 ? given : 100;
}

}  // namespace forerun

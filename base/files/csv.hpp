// Comma-separated values as RFC 4180 writes them, with the place of every cell.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace forerun {

struct CsvCell {
  std::string text;  // without quotes
  Position at;       // of its first character, the quote included
};

struct CsvTable {
  std::vector<CsvCell> header;
  std::vector<std::vector<CsvCell>> rows;  // each as long as the header

  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const;
};

// Cells may be quoted; within quotes "" is a quote, and line breaks are text. Lines end in LF or CRLF, empty lines are
// skipped, and a leading byte-order mark is ignored.
// Problems: no header, no row below it, a repeated column, a row of another length, an open quote, a quote inside an
// unquoted cell.
Result<CsvTable> parse_csv(std::string_view text, const std::string& name);

}  // namespace forerun

// Rows that are added to the same row, together and in order: sums without atomics, the same on every run.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace forerun::cuda {

// Compressed rows: those that go to index[g] are row[begin[g] .. begin[g + 1]), ascending.
struct RowsByIndex {
  std::vector<std::int32_t> index, begin, row;
};

// Of the entries in [first, first + count), which become entry - first; others are left out. Counted, so in time of
// rows + count.
inline RowsByIndex rows_by_index(std::int64_t first, std::int64_t count, std::span<const std::int32_t> entries) {
  const auto there = [&](std::int32_t entry) { return entry >= first && entry - first < count; };
  std::vector<std::int32_t> next(static_cast<std::size_t>(count));
  for (const std::int32_t entry : entries) {
    if (there(entry)) ++next[static_cast<std::size_t>(entry - first)];
  }
  RowsByIndex by;
  std::int32_t rows = 0;
  for (std::size_t i = 0; i < next.size(); ++i) {
    if (next[i] == 0) continue;
    by.index.push_back(static_cast<std::int32_t>(i));
    by.begin.push_back(rows);
    rows += std::exchange(next[i], rows);
  }
  by.begin.push_back(rows);
  by.row.resize(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (there(entries[i]))
      by.row[static_cast<std::size_t>(next[static_cast<std::size_t>(entries[i] - first)]++)] =
          static_cast<std::int32_t>(i);
  }
  return by;
}

}  // namespace forerun::cuda

// How much memory is in use while it is allocated and released, and by what at the peak. Bytes are whole numbers: the
// sums are exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace forerun {

class MemoryCurve {
 public:
  // `tag` is a small number: what the bytes are for.
  struct Change {
    std::uint64_t position;
    std::int64_t delta;
    std::uint32_t tag;
  };
  struct Point {
    std::uint64_t position;
    std::int64_t bytes;  // after all changes of this position

    bool operator==(const Point&) const = default;
  };

  void reserve(std::size_t changes) { changes_.reserve(changes); }

  // Changes come in the order in which they happen: positions never fall. Those of one position count one by one for
  // the peak.
  void add(std::uint64_t position, std::int64_t delta, std::uint32_t tag);

  [[nodiscard]] std::int64_t bytes() const { return bytes_; }  // now
  [[nodiscard]] std::int64_t peak() const { return peak_; }    // at least 0, which is before the first change
  [[nodiscard]] std::uint64_t peak_position() const;  // where it was first reached; 0 if nothing was ever in use

  [[nodiscard]] std::vector<std::int64_t> alive_at_peak() const;  // by tag; their sum is the peak
  [[nodiscard]] std::vector<Point> points() const;  // one for each position, in order
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }

 private:
  std::vector<Change> changes_;
  std::int64_t bytes_ = 0, peak_ = 0;
  std::size_t until_peak_ = 0;  // so many changes make the peak
};

}  // namespace forerun

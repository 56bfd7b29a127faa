// Problems of one file, which can have millions: the first are listed, the others counted.
#pragma once

#include <cstddef>

#include "base/result.hpp"

namespace forerun {

class ProblemList {
 public:
  static constexpr std::size_t most = 50;

  void add(Problem);
  // In the order of their places, of which the first are listed; what is listed is not repeated.
  void add_in_order(Problem);
  // Else a problem there is only counted, so that nobody need find a hint for it.
  [[nodiscard]] bool would_list(const Position&) const;
  // Where there are more than are listed, the last says how many more.
  [[nodiscard]] const Problems& problems() const { return listed_; }
  [[nodiscard]] bool empty() const { return listed_.empty(); }
  // Counted as well.
  [[nodiscard]] std::size_t size() const { return listed() + unlisted_; }

 private:
  [[nodiscard]] std::size_t listed() const { return listed_.size() - (unlisted_ > 0 ? 1 : 0); }
  void count(const std::string& file);

  Problems listed_;
  std::size_t unlisted_ = 0;
};

}  // namespace forerun

// A sum that numbers enter and leave in any order, without the rounding that would build up over millions of changes.
#pragma once

namespace forerun {

// The rounding of each addition is kept beside the sum (Knuth's TwoSum), so that what has left leaves nothing behind.
class RunningSum {
 public:
  void add(double value) {
    const double sum = sum_ + value;
    const double added = sum - sum_;
    rest_ += (sum_ - (sum - added)) + (value - added);
    sum_ = sum;
  }
  void subtract(double value) { add(-value); }
  void clear() { sum_ = rest_ = 0; }

  [[nodiscard]] double value() const { return sum_ + rest_; }
  // How much of `amount` the sum leaves.
  [[nodiscard]] double left_of(double amount) const { return (amount - sum_) - rest_; }

 private:
  double sum_ = 0, rest_ = 0;
};

}  // namespace forerun

// Conditions on the columns of a file of training runs: "pp = 1 and gpus <= 256 and notes ~ repeat".
//
// Numbers know =, !=, <, <=, >, >=; texts =, !=, ~ (holds these letters) and !~, whatever their case. An empty cell of
// numbers fulfils no condition, an empty text is a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "validation/training/training_rows.hpp"

namespace forerun {

enum class Relation { equal, unequal, less, at_most, more, at_least, holds, lacks };

struct RowCondition {
  std::string column;
  Relation relation = Relation::equal;
  std::string text;   // lower case; of a number as written
  double number = 0;  // of a column of numbers

  bool operator==(const RowCondition&) const = default;
};

// One or several, joined by "and". Problems: a column that the files do not have, no relation, one that its column does
// not know, a number that is none.
Result<std::vector<RowCondition>> parse_conditions(std::string_view text);
std::string to_string(const RowCondition&);  // as parse_conditions reads it

bool fulfils(const TrainingRow&, const std::vector<RowCondition>&);  // all of them

}  // namespace forerun

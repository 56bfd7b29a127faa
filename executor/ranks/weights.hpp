// What each unit of a model (embedding, block, head) has of weights on one rank: which, of what shape, where in the
// unit's flat memory, and their first values.
//
// A first value depends on the seed and on the weight's place in the whole model alone, so every plan starts from the
// same model.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "strategies/plan/scenario.hpp"
#include "strategies/programs/program.hpp"

namespace forerun {

enum class WeightKind : std::uint8_t {
  table,
  attention_norm,
  qkv,
  attention_output,
  feed_forward_norm,
  up,
  down,
  router,
  final_norm,
  head
};
std::string_view to_string(WeightKind);

struct Slice {
  std::int64_t first = 0, count = 0;
};

// [rows, columns] of a whole [all_rows, all_columns]: neighbouring rows, and columns in runs.
struct Weight {
  WeightKind kind{};
  int expert = -1;       // of the whole model; -1: none
  std::int64_t ones = 0; // so many that start at 1: a norm's scales
  bool replicated = false;  // whole on all ranks of a tensor group
  std::int64_t all_rows = 0, all_columns = 0;
  Slice rows;
  std::vector<Slice> columns;
  std::int64_t first = 0;  // element of the unit's dense memory, or of its experts'
  std::int64_t count = 0;
  double deviation = 0;    // of the first values

  [[nodiscard]] bool of_experts() const { return expert >= 0; }
  [[nodiscard]] bool of_norm() const {
    return kind == WeightKind::attention_norm || kind == WeightKind::feed_forward_norm ||
           kind == WeightKind::final_norm;
  }
};

// Weights of a unit on one rank: dense ones in this order, then experts'. Their numbers are those of the unit.
std::vector<Weight> weights_of(const Scenario&, const Plan&, const Unit&, int rank);

template <class T>
void first_values(std::uint64_t seed, int layer, const Weight&, std::span<T> values);

// Where element `i` of a rank's weight is in the whole one.
std::int64_t whole_index(const Weight&, std::int64_t i);

}  // namespace forerun

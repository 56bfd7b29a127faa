// What is said of a run beside its Program.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "executor/ranks/rank_machine.hpp"
#include "runtime/cpu/adamw.hpp"

namespace forerun {

// How rows are spread over experts: where the router says (top_k), or so that every expert gets as many (balanced: of
// the tokens of a group of as many as there are experts, each goes to the experts a few places on; the router chooses
// the places). The Program promises bytes and memory of the latter.
enum class Routing : std::uint8_t { top_k, balanced };

// What the head makes of a micro-batch on one rank: a row for each of its positions, sequence by sequence; of the
// vocabulary its slice.
struct Logits {
  int rank = 0;
  std::int64_t step = 0;
  std::int32_t micro_batch = 0;
  std::int64_t rows = 0;
  std::int64_t first_entry = 0;  // of the vocabulary
  std::vector<double> values;  // [rows, entries of the slice]
};

struct RunOptions {
  int steps = 1;
  std::uint64_t seed = 1;
  AdamW optimizer = {};
  Routing routing = Routing::top_k;
  bool background = true;  // exchanges between replicas run beside computation; otherwise they stop it
  bool record = false;  // intervals of all instructions of the last step
  std::function<RankMachine(Communicator& world)> machine = on_the_cpu;  // called by each rank
  std::function<void(const Logits&)> logits = {};  // called by each rank that has a head; none: nobody wants them
};

}  // namespace forerun

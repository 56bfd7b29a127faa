// What every rank does in one step: instructions on lanes, over named tensors. The simulator prices and replays it, the
// executor performs it.
//
// Order, the same for both readers: a rank issues its instructions one after the other; each lane is first in, first
// out. An instruction on another lane than compute starts when everything that was issued to the compute lane before it
// is done; the compute lane waits only where a wait says so. Sends are buffered; collectives match by (group, number of
// the collective in its group on that lane).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "strategies/plan/group_kind.hpp"
#include "strategies/plan/micro_batch.hpp"
#include "strategies/plan/plan.hpp"
#include "strategies/programs/memory_categories.hpp"
#include "strategies/programs/traffic.hpp"
#include "strategies/schedules/schedule_table.hpp"
#include "workloads/operators/kernels.hpp"
#include "workloads/operators/operator_kind.hpp"

namespace forerun {

// Streams of one device: communication of each dimension has one of its own.
enum class Lane : std::uint8_t { compute, tp, cp, ep, dp, pp_forward, pp_backward, to_host, from_host };
inline constexpr std::size_t lane_count = 9;
std::string_view to_string(Lane);
Lane lane_of(Flow);

enum class Part : std::uint8_t { forward, recompute, input_gradient, weight_gradient, update };

// How much of an operator's part a computation is, or what it does instead of an operator's kernels.
struct WholeOperator {};
// Of ring attention: over the keys and values of the rank so many steps before this one on the ring; 0: its own.
struct RingPiece {
  int steps_back = 0;
};
// Of ring attention: adds the gradients that this rank made (read first) to those that arrived (read second).
struct RingSum {};
// Of ring attention, after all pieces. Forward: the pieces become the output. Backward: the gradients of this rank's
// keys and values, which came home, are added to those of its queries.
struct JoinPieces {};
// Computes nothing: what it writes is the sum of what it reads.
struct SumOfReads {};
// Computes nothing: gradients of norms, which B made, take their place among all gradients of their unit.
struct SettledGradients {};
using Extent = std::variant<WholeOperator, RingPiece, RingSum, JoinPieces, SumOfReads, SettledGradients>;

// Kernels of one operator's part, one after the other.
struct Computation {
  OperatorKind kind{};
  Part part{};
  std::vector<Kernel> kernels;
  Extent extent = WholeOperator{};
};

template <class E>
bool is(const Computation& c) {
  return std::holds_alternative<E>(c.extent);
}

// What of units replicas exchange apart from each other. A tied table of tokens is among the dense part but where it
// has to go on its own (held_memory.hpp).
enum class Share : std::uint8_t { dense, experts, table };
inline constexpr std::array all_shares{Share::dense, Share::experts, Share::table};

// Neighbours among StageProgram::units, both ends included.
struct UnitRange {
  int first = 0, last = 0;

  auto operator<=>(const UnitRange&) const = default;
};

// `elements` as nccl-tests counts them (collective.hpp). A rank whose experts draw `load` times their share makes all
// wait.
struct Communication {
  Flow flow{};
  GroupKind group{};
  std::int64_t elements = 0;
  Bytes element;
  double hidden = 0;  // share that may run beside computation between issue and wait; the rest stops it at the wait
  double load = 1;
  // A send in so many pieces: each member of the tensor group sends one, and those of the next stage gather them.
  int pieces = 1;
  bool home = false;  // of an all-to-all: positions, heads or tokens go back to the ranks that they came from
  std::optional<UnitRange> units = {};  // whose parameters or gradients these are; none: activations
  Share share{};  // what of them
};

// Between device and host memory.
struct HostCopy {
  Bytes bytes;
  bool to_host = true;
  bool activations = false;  // that stay there until they are fetched
};

// The optimiser on the host: `parameters` updated where their states live.
struct HostUpdate {
  std::int64_t parameters = 0;
};

// What the framework does once a step beside its kernels.
struct FrameworkFloor {};

using Work = std::variant<Computation, Communication, HostCopy, HostUpdate, FrameworkFloor>;

// Memory that comes and goes during a step. Names are for printing.
struct Tensor {
  std::string_view name;
  MemoryKind kind{};
  Bytes bytes;

  bool operator==(const Tensor&) const = default;
};

enum class Code : std::uint8_t {
  run,  // computation on its lane; communication and copies are issued on theirs
  wait,  // the compute lane waits for the last instruction that set the token
  receive,  // a buffer is posted for a message from a neighbouring stage; its wait ends when the message is there
};

// What a wait waits for. The operations of one rank that are on their way at the same time have different tokens: a
// block's passes number theirs from 1 on, a stage's TokenAllocator hands out those beyond.
enum class TokenId : std::uint32_t { none };
constexpr std::uint32_t index(TokenId token) { return static_cast<std::uint32_t>(token); }

using TensorId = std::uint32_t;

struct Instruction {
  Code code = Code::run;
  Lane lane = Lane::compute;
  // The communication runs in pieces with the computation up to its wait, which makes or needs its data piece by piece.
  bool interleaved = false;
  std::uint16_t unit = 0;  // of StageProgram::units, of what is inside one
  TokenId token = TokenId::none;
  std::uint16_t reads = 0, writes = 0;  // tensors: Body::operands from first_operand on, those read first
  // Tensors, Body::touches from first_touch on: allocated at the issue, released when the instruction (of a wait: what
  // it waits for) is done.
  std::uint16_t allocates = 0, releases = 0;
  std::uint32_t first_operand = 0, first_touch = 0;
  std::uint32_t work = 0;  // of Program::works (run)
};

// The instructions of one pass of one chunk, or of what comes before or after all passes. Tensors are numbered within
// the role: every micro-batch has its own.
struct Body {
  std::optional<int> chunk = {};  // of the stage's own chunks; none: before or after all passes
  PassKind kind{};
  std::optional<int> from_stage = {}, to_stage = {};  // whose message it receives, and who receives its own
  std::vector<Instruction> instructions = {};
  std::vector<TensorId> operands = {}, touches = {};
};

struct Call {
  std::uint32_t body = 0;
  std::int32_t micro_batch = 0;
};

enum class UnitKind : std::uint8_t { embedding, block, head };

// What has parameters of its own: they are gathered, and their gradients reduced, together.
struct Unit {
  UnitKind kind{};
  int layer = 0, chunk = 0;  // chunk: of the stage's own
  std::int64_t parameters = 0, expert_parameters = 0;  // trained ones on this rank, before ZeRO; of routed experts
  // Of `parameters` those of a tied embedding table, and those of it that the embedding on this device holds.
  std::int64_t table = 0, borrowed = 0;
  std::optional<TensorId> gathered, gradients;  // under ZeRO-3 and from ZeRO-2 on: where they are during a pass
  std::optional<TensorId> early;  // gradients that B makes where W runs apart: until then
};

// What the ranks of one or more roles run.
struct StageProgram {
  int stage = 0;
  std::vector<Unit> units;  // chunk by chunk, in the order of the layers
  std::vector<Work> works;
  std::vector<std::uint32_t> first_work;  // of each block's program: their kernels are launched together
  std::vector<Tensor> tensors;
  std::vector<Body> bodies;
  std::vector<Call> calls;
  StageMemory held;  // for the whole step; `communication`: buffers of sends
  Bytes held_on_host;  // the same in the memory of the node
};

// Of the unit that an instruction is inside.
inline int layer_of(const StageProgram& stage, const Instruction& in) {
  return in.unit < stage.units.size() ? stage.units[in.unit].layer : 0;
}

// Most passes in flight at once: a chunk's forward of a micro-batch has begun, so its activations are kept, and its
// backward (W where it runs apart) has not ended. With one chunk a stage they are micro-batches. A forward step keeps
// nothing: one at a time.
int most_in_flight(const StageProgram&);

// Ranks that do the same at the same time. One of them stands for all.
struct Role {
  std::uint32_t program = 0;  // of Program::stages
  std::vector<int> ranks;  // ascending
};

enum class StepKind : std::uint8_t { training, forward };  // forward: no backward, no update, nothing kept for them

struct Program {
  StepKind step = StepKind::training;
  Plan plan;
  std::int64_t micro_batches = 0;  // of one pipeline
  std::vector<MicroBatch> batch;  // the sequences of each of them
  std::vector<StageProgram> stages;
  std::vector<Role> roles;
  std::vector<std::uint32_t> role_of_rank;
};

// What a rank runs.
inline const StageProgram& program_of(const Program& program, int rank) {
  return program.stages[program.roles[program.role_of_rank[static_cast<std::size_t>(rank)]].program];
}

}  // namespace forerun

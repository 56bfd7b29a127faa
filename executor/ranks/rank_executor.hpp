// One rank performs its part of a Program: instruction by instruction, on named tensors. It decides nothing about
// parallelism.
//
// T is the format of activations and weights; sums, gradients of weights and optimiser states are in Arithmetic<T>.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "executor/ranks/flat_weights.hpp"
#include "executor/ranks/lane_worker.hpp"
#include "executor/ranks/measured_trace.hpp"
#include "runtime/backend.hpp"
#include "runtime/communication/communicator.hpp"
#include "runtime/cpu/attention.hpp"
#include "runtime/cpu/expert_order.hpp"
#include "runtime/machine/interval.hpp"
#include "strategies/programs/traffic.hpp"

namespace forerun {

// How rows are spread over experts: where the router says (top_k), or so that every expert gets as many (balanced: of
// the tokens of a group of as many as there are experts, each goes to the experts a few places on; the router chooses
// the places). The Program promises bytes and memory of the latter.
enum class Routing : std::uint8_t { top_k, balanced };

// A rank's own processor, and the communicator of what lies in its memory: null where that is the host's.
struct RankMachine {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Communicator> tensors;
};
RankMachine on_the_cpu(Communicator& world);
// Rank r of this machine takes GPU r modulo their number. Ranks that share one talk through the host's memory; `nccl`:
// each has its own. Throws std::runtime_error that says what is missing.
RankMachine on_a_gpu(Communicator& world, bool nccl);

struct RunOptions {
  int steps = 1;
  std::uint64_t seed = 1;
  AdamW optimizer = {};
  Routing routing = Routing::top_k;
  bool background = true;   // exchanges between replicas run beside computation; otherwise they stop it
  bool record = false;     // intervals of all instructions of the last step
  std::function<RankMachine(Communicator& world)> machine = on_the_cpu;  // called by each rank
};

// What one rank did.
struct RankReport {
  int rank = 0, stage = 0;
  std::vector<double> losses;  // of each step: the mean over all tokens; before set_last, this rank's part of their sum
  std::vector<std::chrono::nanoseconds> steps;  // how long each took, the slowest rank's; before set_last, this rank's
  Traffic traffic;  // what it sent in the last step
  std::array<std::int64_t, memory_categories.size()> peak{};  // at the peak of the last step, by memory category
  std::array<Seconds, 5> exposed{};  // of the last step: communication that stopped the computation, by Dimension
  Seconds computation, bubble;  // bubble: waited for messages of other stages
  std::int64_t expert_rows = 0,
               expert_rows_promised = 0;  // that its experts drew in the last step, and would draw if all drew as many
  // Of the last step, where it is recorded, since the first rank began it: by begin, lanes as track_of says.
  std::vector<Interval> intervals;
  std::vector<Allocator::Change> memory;  // positions: nanoseconds
  std::shared_ptr<const std::map<const Instruction*, std::string>> names;  // what the intervals are called
};

// Where a rank works, and whom it talks to.
struct RankPlace {
  Communicator& world;  // of what lies in the host's memory
  Communicator& tensors;  // the same ranks, of what lies in the backend's
  Backend& backend;
};

template <class T>
class RankExecutor {
 public:
  using A = Arithmetic<T>;

  // All ranks of a world make one, at the same time.
  RankExecutor(const PricedScenario&, const Program&, const RankPlace&, const RunOptions&);
  ~RankExecutor();

  // One training step. With `update` false, gradients stay as they are after the last exchange.
  void step(bool update = true);
  [[nodiscard]] RankReport report() const;
  [[nodiscard]] double last_loss() const { return report_.losses.back(); }
  [[nodiscard]] Seconds last_time() const {
    return Seconds{std::chrono::duration<double>(report_.steps.back()).count()};
  }
  // Of the last step: the mean over all ranks, and the slowest rank's time, in place of its own.
  void set_last(double loss, Seconds time) {
    report_.losses.back() = loss,
    report_.steps.back() = std::chrono::nanoseconds(static_cast<std::int64_t>(time.value() * 1e9));
  }

  FlatWeights<T>& weights() { return weights_; }
  [[nodiscard]] const StageProgram& program() const { return stage_; }
  [[nodiscard]] std::string where() const;  // the instruction at work, for messages

 private:
  using Tensors = std::vector<Allocation>;
  // How rows went to experts in one micro-batch of a unit.
  struct Routed {
    ExpertOrder order;
    std::vector<std::int64_t> send, receive;  // rows to and from each rank of the group
    std::vector<std::int64_t> peers;  // rows that each rank of those that share its experts received
    struct Block {
      int expert;  // of this rank's
      std::int64_t first, count;
    };
    std::vector<Block> blocks;
  };
  // Where time went: known when the step is done.
  struct Category {
    Seconds *in = nullptr, *not_in = nullptr;  // added to one, taken from the other
  };
  struct Timed {
    Category category;
    Mark begin, end;
    const std::string* name = nullptr;  // of what is drawn; null: nothing
    std::uint16_t track = 0;
    std::string_view kind;
  };
  // What runs beside computation: a thread does it, or a lane has it in line.
  struct Issued {
    Seconds* stops = nullptr;  // the time that computation waits for it
    std::uint64_t number = 0;  // of what the thread does; 0: a lane has it
    std::shared_ptr<Timed> work;
  };
  struct Neighbours {
    std::unique_ptr<Communicator> among;
    int lane = 0;  // of the backend: messages of its own wait for none of the others
    std::optional<Mark> sent;
    Allocation buffer;
  };

  // --- instructions (rank_instructions.hpp) --------------------------------------------------------------------------

  void perform(const Body&, const Call&);
  void perform(const Instruction&);
  void run(const Instruction&);
  void receive();
  void wait(TokenId);
  // How long `work` takes on the lane in use; recorded where the run is.
  template <class F>
  void timed(Lane, bool stops, Category, F&& work);
  [[nodiscard]] Timed timed_from_here(Lane, bool stops, Category);
  void settle();  // all times, when the step is done
  void record();  // what is drawn of it
  [[nodiscard]] std::uint64_t now() const {
    return static_cast<std::uint64_t>((Clock::now() - origin_).count());
  }  // of the step
  [[nodiscard]] Seconds* exposed(Dimension d) { return &report_.exposed[static_cast<std::size_t>(d)]; }
  // `work` in line on a lane of its own, once what computation has in line is done.
  template <class F>
  [[nodiscard]] std::shared_ptr<Timed> beside(int lane, Lane drawn, F&& work);
  [[nodiscard]] const std::string& name_of_instruction();
  void allocate(TensorId);
  void release(TensorId);
  void take_alone(TensorId);
  void keep_alone(TensorId);
  [[nodiscard]] Allocation& memory_of(TensorId id) { return tensors_[static_cast<std::size_t>(micro_batch_)][id]; }
  template <class U = T>
  [[nodiscard]] std::span<U> tensor(TensorId id) {
    return memory_of(id).template as<U>();
  }
  template <class U = T>
  [[nodiscard]] std::span<U> read(std::size_t i) {
    return tensor<U>(operands_[i]);
  }
  template <class U = T>
  [[nodiscard]] std::span<U> written(std::size_t i) {
    return tensor<U>(operands_[reads_ + i]);
  }
  template <class U>
  [[nodiscard]] std::span<U> scratch(std::int64_t elements);  // until the instruction is done
  template <class U>
  [[nodiscard]] std::vector<U> on_host(std::span<const U> there);

  // --- computation (rank_computation.hpp, rank_attention.hpp, rank_experts.hpp) --------------------------------------

  void compute(const Computation&);
  void forward(const Computation&);
  void input_gradient(const Computation&);
  void weight_gradient(const Computation&);
  void pass_on();
  void settle_early();
  void norm_forward(WeightKind);
  void norm_backward(WeightKind);
  void loss_forward();
  void loss_backward();
  void project(WeightKind, std::span<const T> x, std::span<T> y);
  void project_back(WeightKind, std::span<const T> dy, std::span<T> dx);
  void project_weight(WeightKind, std::span<const T> x, std::span<const T> dy);
  void turn(bool back);
  void activate(bool back);

  void attend(const Computation&);
  void attend_back(const Computation&);
  [[nodiscard]] AttentionShape attention_shape() const;
  [[nodiscard]] std::int64_t key_width() const;  // of keys and values of one position
  // Keys and values in memory: rows of `stride` elements, the keys first.
  template <class U>
  struct Keys {
    U* data = nullptr;
    std::int64_t stride = 0;
  };
  [[nodiscard]] AttentionInput<T> attention_input(std::span<const T> qkv, Keys<const T> keys, int owner);
  void attend_piece(std::span<const T> qkv, Keys<const T> keys, int owner);
  void attend_piece_back(Keys<const T> keys, int owner, Keys<T> dkeys);
  void start_sum();
  void finish_sum();
  [[nodiscard]] int owner_of(int piece) const { return (cp_rank_ - piece + plan_.cp) % plan_.cp; }

  struct Choices;  // the routing tensor's parts
  [[nodiscard]] Choices choices(std::span<std::byte> routing);
  void route();
  void route_back(bool weights);
  void balance(Choices&);
  void dispatch();
  void dispatch_back();
  void combine();
  void combine_back();
  void experts(WeightKind, Part);
  [[nodiscard]] Routed& routed() { return routed_[{micro_batch_, unit_}]; }
  [[nodiscard]] const Routed& routed() const { return routed_.at({micro_batch_, unit_}); }
  void tell_rows();

  // Tensors of rows that experts draw: with top-k routing as many as there are, not as the Program promises.
  struct Rows {
    std::int64_t number = 0, promised = 0;
  };
  [[nodiscard]] std::optional<Rows> rows_written() const;  // nullopt: as many as promised

  // --- weights -------------------------------------------------------------------------------------------------------

  // What of a unit's gathered parameters, or of gradients before they are scattered, is of that share: dense weights,
  // experts', then a table that is not its own.
  template <class U>
  [[nodiscard]] std::span<U> part(TensorId, std::size_t unit, Share);
  [[nodiscard]] std::size_t holder(std::size_t unit, Share) const;  // the unit whose piece that is
  [[nodiscard]] std::size_t unit_of(WeightKind) const;
  template <class Visit>
  void each_early(TensorId, Visit);  // visit(weight, its gradient) of norms
  [[nodiscard]] bool borrows(WeightKind kind) const { return unit_of(kind) != unit_; }
  [[nodiscard]] const Weight* find(WeightKind, int local_expert = -1) const;
  [[nodiscard]] std::span<const T> weight(WeightKind, int local_expert = -1);
  [[nodiscard]] std::span<A> gradient(WeightKind, int local_expert = -1);

  // --- communication (rank_communication.hpp) ------------------------------------------------------------------------

  void make_groups();
  void greet(const Neighbours&);
  void communicate(const Instruction&, const Communication&);
  void exchange(const Communication&, Communicator&);
  void exchange_activations(const Communication&, Communicator&);
  template <class Pack>
  void sum_packed(const Communication&, Communicator&, std::span<A> packed, Pack each);
  void sum_replicated(const Communication&, Communicator&);
  void sum_mirrored(const Communication&, Communicator&);
  void sum_ends(const Communication&, Communicator&);
  void gather_keys(Communicator&);
  void scatter_key_gradients(Communicator&);
  void pass_keys_on(const Communication&, Communicator&);
  void exchange_heads(const Communication&, Communicator&);
  void exchange_rows(const Communication&, Communicator&);
  void share_rows(const Communication&, Communicator&);
  [[nodiscard]] std::function<void()> exchange_replicas(const Communication&, Communicator&);
  void send(const Communication&);
  Communicator& group(GroupKind, Lane);
  Neighbours& neighbours(Lane, int chunk, int from_stage, int to_stage);
  void count(Flow, const CommunicationCounts& before, const CommunicationCounts& after);

  // --- data ----------------------------------------------------------------------------------------------------------

  [[nodiscard]] std::vector<std::int32_t> positions_of(int cp_rank) const;
  [[nodiscard]] std::vector<std::int32_t> tokens_of(bool targets) const;

  Communicator &world_, &tensors_talk_;
  Backend& backend_;
  Operators<T>& on_;
  const PricedScenario& scenario_;
  const Program& program_;
  const Plan& plan_;
  RunOptions options_;
  int rank_, tp_rank_, cp_rank_, dp_rank_, pp_rank_;
  const StageProgram& stage_;
  Allocator memory_, uncounted_;
  FlatWeights<T> weights_;
  Allocation buffers_, workspace_;
  std::int64_t scratch_used_ = 0, scratch_kept_ = 0, scratch_base_ = 0;
  std::vector<Tensors> tensors_;  // of each micro-batch
  std::map<std::pair<std::int32_t, std::size_t>, Routed> routed_;
  std::map<std::pair<GroupKind, Lane>, std::unique_ptr<Communicator>> groups_;
  // By the chunk that receives, and whether a later stage does: of an interleaved pipeline the last stage's messages to
  // the first go round behind none of the others.
  std::map<std::tuple<Lane, int, bool>, Neighbours> neighbours_;
  std::unique_ptr<Communicator> rows_told_, rows_told_on_;  // how many rows go to whom: not part of the Program
  std::map<TokenId, Issued> issued_;
  std::span<A> rotary_, ring_sum_, ring_log_sum_exp_;  // in the workspace
  std::span<T> ring_gradients_;  // of queries, keys and values, while pieces of ring attention come

  std::vector<std::int32_t> query_positions_, key_positions_;

  // At work.
  const Body* body_ = nullptr;
  const Instruction* instruction_ = nullptr;
  std::int32_t micro_batch_ = 0;
  std::size_t unit_ = 0, reads_ = 0, writes_ = 0;
  const TensorId* operands_ = nullptr;

  std::int64_t step_ = 0;
  RankReport report_;
  bool records_ = false, updates_ = true;
  std::vector<Timed> timed_;  // of this step
  std::mutex traffic_mutex_;
  Clock::time_point origin_;  // when the step began
  std::shared_ptr<std::map<const Instruction*, std::string>> names_ =
      std::make_shared<std::map<const Instruction*, std::string>>();
  std::unique_ptr<LaneWorker> replicas_talk_;  // last: what it is given uses all of the above
};

}  // namespace forerun

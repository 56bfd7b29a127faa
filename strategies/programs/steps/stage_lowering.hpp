// How the program of a stage is written: its blocks' programs placed in bodies (stage_lowering.cpp), what
// replicas and the optimiser do before and after all passes (stage_updates.cpp), the passes with their messages,
// gathers and copies (stage_passes.cpp).
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/buckets.hpp"
#include "strategies/programs/steps/stage_program.hpp"
#include "strategies/programs/steps/token_allocator.hpp"
#include "strategies/programs/work_price.hpp"
#include "strategies/plan/rank_grid.hpp"

namespace forerun::stage_lowering {

// One block, the embedding or the head, in a chunk.
struct PlacedUnit {
  const BlockProgram* program;
  std::uint32_t first_work, first_tensor;
};

struct Chunk {
  int index = 0;  // in the order of the layers
  std::vector<PlacedUnit> units;
  std::size_t first_unit = 0;            // of StageProgram::units
  // Tensor boundary + u is the input of unit u and boundary + u + 1 its output, but for the first input where the chunk
  // before is on this stage.
  TensorId boundary = 0, gradient = 0;
  TensorId input = 0, input_gradient = 0;  // of the first unit: then what the chunk before hands on
  TensorId gathered = 0, gradients = 0;  // of unit u, under ZeRO-3 and from ZeRO-2 on
  std::vector<std::optional<TensorId>> early;  // of unit u: what B makes of its gradients, until W
  std::optional<int> from, to;  // stages of the chunks before and after
  std::array<std::vector<Bucket>, all_shares.size()> buckets;

  std::vector<Bucket>& buckets_of(Share share) { return buckets[static_cast<std::size_t>(share)]; }
  [[nodiscard]] const std::vector<Bucket>& buckets_of(Share share) const {
    return buckets[static_cast<std::size_t>(share)];
  }
};

// Parameters, or gradients, of neighbouring units.
struct Piece {
  std::int64_t elements;
  Share share;
  UnitRange units;
};

// Of a reduction between replicas: within each group that shares a copy, then between those groups.
struct ReduceTokens {
  TokenId shards, replicas;
};

// Tokens of what is on its way between units.
struct PassTokens {
  explicit PassTokens(TokenAllocator&);

  TokenId receive;
  std::array<std::array<TokenId, 2>, all_shares.size()> gather;  // of the unit at work and of the next one
  std::array<ReduceTokens, all_shares.size()> scatter;
  std::array<TokenId, 2> copy;  // of the unit at work and of its neighbour
};

struct Operands {
  std::vector<TensorId> reads = {}, writes = {}, allocates = {}, releases = {};
};

class StageLowering {
 public:
  StageLowering(const PricedScenario& scenario, const BlockKinds& kinds, const SplitPrograms& programs,
                const ScheduleTable& table, const Plan& plan, int stage);
  StageProgram lower();

 private:
  // --- tensors and works ---------------------------------------------------------------------------------------------

  std::uint32_t work(Work w);
  TensorId tensor(std::string_view name, MemoryKind kind, Bytes bytes);
  std::uint32_t works_of(const BlockProgram& block);
  void add_unit(Chunk& chunk, UnitKind kind, const BlockProgram& block, int layer);
  void add_chunk(int local);
  void sharded_tensors(Chunk& chunk);
  void cut(Chunk& chunk);
  [[nodiscard]] std::int64_t held(const Chunk& chunk, std::size_t u,
                                  Share share) const;  // trained parameters of a unit that live on this device

  // --- instructions --------------------------------------------------------------------------------------------------

  void push(Instruction in, const Operands& o = {});
  void mark(const Operands& o) { push({.work = nothing_}, o); }
  void wait(TokenId token, const Operands& o = {}) { push({.code = Code::wait, .token = token}, o); }
  void append(const Chunk& chunk, std::size_t u, PassKind kind);

  // --- replicas ------------------------------------------------------------------------------------------------------

  [[nodiscard]] GroupKind shard_group(Share share) const { return grid_.shard_group(share == Share::experts); }
  [[nodiscard]] Communication between_replicas(Flow flow, GroupKind group, const Piece& piece, Bytes element) const;
  [[nodiscard]] static Piece piece_of(const Chunk& chunk, const Bucket& bucket, Share share) {
    const int first = static_cast<int>(chunk.first_unit);
    return {bucket.elements, share, {first + bucket.first_unit, first + bucket.last_unit}};
  }
  [[nodiscard]] static Piece piece_of(const Chunk& chunk, std::size_t u, Share share, std::int64_t elements) {
    const int unit = static_cast<int>(chunk.first_unit + u);
    return {elements, share, {unit, unit}};
  }
  void issue_gather(const Piece& piece, TokenId token);
  void issue_reduce(const Piece& piece, ReduceTokens tokens, std::vector<TokenId>& issued);

  // --- before and after all passes -----------------------------------------------------------------------------------

  template <class Visit>
  void each_bucket(Visit visit);
  void open(Body body);
  void call_once() { out_.calls.push_back({static_cast<std::uint32_t>(out_.bodies.size() - 1), 0}); }
  void prologue();
  [[nodiscard]] ReduceTokens reduce_tokens() { return {tokens_.next(), tokens_.next()}; }
  void gather_units_at_start();
  void epilogue();
  [[nodiscard]] StageWeights weights() const;
  void exchange_at_end(const Communication& c);
  void add_mirrored();
  [[nodiscard]] std::int64_t own_elements() const;
  void update();

  // --- passes --------------------------------------------------------------------------------------------------------

  static bool makes_weight_gradients(PassKind kind) {
    return kind == PassKind::backward || kind == PassKind::weight_gradient;
  }
  void passes();
  void pass_body(int local, PassKind kind, bool special);
  void receive(std::optional<int> from, Lane lane, TensorId id);
  void send(std::optional<int> to, Flow flow, TensorId id);
  void forward(const Chunk& chunk, int local, bool first);
  void backward(const Chunk& chunk, PassKind kind, bool last);
  void gather_unit(const Chunk& chunk, std::size_t u, std::optional<std::size_t> next, bool opens);
  template <class Visit>
  void each_gathered(const Chunk& chunk, std::size_t u, Visit visit) const;
  void issue_unit(const Chunk& chunk, std::size_t u);
  void wait_for_unit(const Chunk& chunk, std::size_t u);
  void drop_unit(const Chunk& chunk, std::size_t u);
  void scatter_unit(const Chunk& chunk, std::size_t u);
  void wait_for_scatter(const Chunk& chunk, std::size_t u);
  [[nodiscard]] bool reduces_in_passes(const Chunk& chunk) const {
    return dp_ > 0 && std::ranges::any_of(chunk.buckets, [](const auto& list) { return !list.empty(); });
  }
  void reduce_buckets(const Chunk& chunk, std::size_t u);

  // --- activations in host memory ------------------------------------------------------------------------------------

  [[nodiscard]] std::vector<TensorId> saved(const Chunk& chunk, std::size_t u) const;
  [[nodiscard]] Bytes bytes_of(const std::vector<TensorId>& list) const;
  void away(const Chunk& chunk, std::size_t u);
  void settle(const Chunk& chunk, std::size_t u) { wait(between_units_.copy[u % 2], {.releases = saved(chunk, u)}); }
  void back(const Chunk& chunk, std::size_t u);
  void fetch(const Chunk& chunk, std::size_t u);

  struct Gather {
    std::ptrdiff_t chunk;
    int unit;
    TokenId token;
  };

  const Scenario& given_;
  const BlockKinds& kinds_;
  const SplitPrograms& programs_;
  const ScheduleTable& table_;
  const Plan& plan_;
  const RankGrid grid_;
  Split split_;
  double dp_;
  Bytes element_;
  StateBytes state_;
  StageProgram out_;
  std::vector<Chunk> chunks_;
  std::map<const BlockProgram*, std::uint32_t> first_work_;
  Body* body_ = nullptr;
  std::uint32_t nothing_ = 0, settle_ = 0;
  TokenAllocator tokens_;
  PassTokens between_units_;
  std::vector<Gather> gathers_;
  std::vector<TokenId> reductions_, scattered_;
};

}  // namespace forerun::stage_lowering

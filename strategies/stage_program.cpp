#include "strategies/stage_program.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "strategies/chunks.hpp"
#include "strategies/held_memory.hpp"

namespace forerun {
namespace {

constexpr TokenId receiving = 1000, gathering = 1001, gathering_experts = 1003, scattering = 1005, copying = 1009, kept = 1100;  // beyond any block's own

enum class Experts : bool { no, yes };

// One block, the embedding or the head, in a chunk.
struct Unit {
  const BlockProgram* program;
  std::uint32_t first_work, first_tensor;
  int layer;
};

struct Chunk {
  int index = 0;  // in the order of the layers
  std::vector<Unit> units;
  TensorId boundary = 0, gradient = 0;   // of unit u: boundary + u is its input, boundary + u + 1 its output
  TensorId gathered = 0, gradients = 0;  // of unit u, under ZeRO-3 and from ZeRO-2 on
  int from = -1, to = -1;                // stages of the chunks before and after; -1: none
  std::vector<Bucket> buckets[2];        // by Experts
};

struct Operands {
  std::vector<TensorId> reads = {}, writes = {}, allocates = {}, releases = {};
};

class StageLowering {
 public:
  StageLowering(const PricedScenario& scenario, const BlockKinds& kinds, const SplitPrograms& programs, const ScheduleTable& table, const Plan& plan, int stage)
      : given_(scenario.given), kinds_(kinds), programs_(programs), table_(table), plan_(plan), split_(split_of(plan)),
        dp_(data_parallel_overlap(given_.stack, plan)) {
    out_.stage = stage;
    element_ = size_of(activation_dtype(given_.job));
    state_ = state_bytes(given_.stack.precision, given_.job);
  }

  StageProgram lower() {
    out_.first_work.push_back(0);
    nothing_ = work(Computation{.part = Part::update, .kernels = {}});
    for (int local = 0; local < table_.chunks_per_stage; ++local) add_chunk(local);
    prologue();
    passes();
    epilogue();
    std::int64_t dense = out_.stage == plan_.pp - 1 ? second_table(given_.model, plan_) : 0, expert = 0;
    for (const Chunk& chunk : chunks_) {
      for (const Unit& unit : chunk.units) dense += unit.program->parameters, expert += unit.program->expert_parameters;
    }
    out_.held = held_memory(given_, plan_, dense, expert, boundary_bytes(given_, split_));
    return std::move(out_);
  }

 private:
  // --- tensors and works ------------------------------------------------------------------------------------------------------------

  std::uint32_t work(Work w) {
    out_.works.push_back(std::move(w));
    return static_cast<std::uint32_t>(out_.works.size() - 1);
  }
  TensorId tensor(std::string_view name, MemoryKind kind, Bytes bytes) {
    out_.tensors.push_back({name, kind, bytes});
    return static_cast<TensorId>(out_.tensors.size() - 1);
  }

  std::uint32_t works_of(const BlockProgram& block) {
    const auto found = first_work_.find(&block);
    if (found != first_work_.end()) return found->second;
    const auto first = static_cast<std::uint32_t>(out_.works.size());
    out_.first_work.push_back(first);
    out_.works.insert(out_.works.end(), block.works.begin(), block.works.end());
    return first_work_[&block] = first;
  }

  void add_unit(Chunk& chunk, const BlockProgram& block, int layer) {
    chunk.units.push_back({&block, works_of(block), static_cast<std::uint32_t>(out_.tensors.size()), layer});
    out_.tensors.insert(out_.tensors.end(), block.tensors.begin(), block.tensors.end());
  }

  void add_chunk(int local) {
    Chunk chunk;
    chunk.index = chunk_on(plan_, out_.stage, local);
    const int chunks = chunk_count(plan_), up = plan_.schedule == ScheduleKind::dualpipe ? local : 0;
    if (chunk.index > 0) chunk.from = stage_of(plan_, chunk.index - 1, up);
    if (chunk.index + 1 < chunks) chunk.to = stage_of(plan_, chunk.index + 1, up);
    std::vector<std::size_t> begins;
    chunk_begins(plan_, static_cast<int>(kinds_.of_layer.size()), begins);
    const auto c = static_cast<std::size_t>(chunk.index);
    if (c == 0) add_unit(chunk, programs_.embedding, 0);
    for (std::size_t layer = begins[c]; layer < begins[c + 1]; ++layer) {
      add_unit(chunk, programs_.blocks[static_cast<std::size_t>(kinds_.of_layer[layer])], static_cast<int>(layer));
    }
    if (chunk.index + 1 == chunks) add_unit(chunk, programs_.head, static_cast<int>(kinds_.of_layer.size()));
    const Bytes row = boundary_bytes(given_, split_);
    chunk.boundary = static_cast<TensorId>(out_.tensors.size());
    for (const Unit& unit : chunk.units) tensor("activation between blocks", unit.program->tensors[BlockProgram::input].kind, row);
    tensor("activation between blocks", MemoryKind::transient, row);
    chunk.gradient = static_cast<TensorId>(out_.tensors.size());
    for (std::size_t u = 0; u <= chunk.units.size(); ++u) {
      const bool stays = u > 0 && chunk.units[u - 1].program->tensors[BlockProgram::output_gradient].kind == MemoryKind::activations;
      tensor("gradient between blocks", stays ? MemoryKind::activations : MemoryKind::transient, row);
    }
    sharded_tensors(chunk);
    cut(chunk);
    chunks_.push_back(std::move(chunk));
  }

  void sharded_tensors(Chunk& chunk) {
    const auto of_units = [&](std::string_view name, Bytes element) {
      const auto first = static_cast<TensorId>(out_.tensors.size());
      for (const Unit& unit : chunk.units) {
        tensor(name, MemoryKind::gathered, static_cast<double>(unit.program->parameters + unit.program->expert_parameters) * element);
      }
      return first;
    };
    if (plan_.zero == 3) chunk.gathered = of_units("gathered parameters", element_);
    if (plan_.zero >= 2) chunk.gradients = of_units("gradients before they are scattered", plan_.zero == 3 ? element_ : state_.gradient);
  }

  void cut(Chunk& chunk) {
    if (plan_.zero >= 2) return;
    for (const Experts experts : {Experts::no, Experts::yes}) {
      std::vector<std::int64_t> parameters;
      for (const Unit& unit : chunk.units) parameters.push_back(experts == Experts::yes ? unit.program->expert_parameters : unit.program->parameters);
      const int replicas = size_of_group(experts == Experts::yes ? GroupKind::expert_dp : GroupKind::dp, plan_);
      if (replicas > 1) cut_buckets(parameters, given_.stack.bucket, replicas, chunk.buckets[experts == Experts::yes ? 1 : 0]);
    }
  }

  // --- instructions -----------------------------------------------------------------------------------------------------------------

  void push(Instruction in, const Operands& o = {}) {
    Body& b = *body_;
    in.first_operand = static_cast<std::uint32_t>(b.operands.size());
    in.reads = static_cast<std::uint16_t>(o.reads.size());
    in.writes = static_cast<std::uint16_t>(o.writes.size());
    b.operands.insert(b.operands.end(), o.reads.begin(), o.reads.end());
    b.operands.insert(b.operands.end(), o.writes.begin(), o.writes.end());
    in.first_touch = static_cast<std::uint32_t>(b.touches.size());
    in.allocates = static_cast<std::uint16_t>(o.allocates.size());
    in.releases = static_cast<std::uint16_t>(o.releases.size());
    b.touches.insert(b.touches.end(), o.allocates.begin(), o.allocates.end());
    b.touches.insert(b.touches.end(), o.releases.begin(), o.releases.end());
    b.instructions.push_back(in);
  }
  void mark(const Operands& o) { push({.work = nothing_}, o); }
  void wait(TokenId token, const Operands& o = {}) { push({.code = Code::wait, .token = token}, o); }

  void append(const Chunk& chunk, std::size_t u, PassKind kind) {
    const Unit& unit = chunk.units[u];
    const Body& from = unit.program->pass(kind);
    const auto placed = [&](TensorId id) {
      switch (id) {
        case BlockProgram::input: return chunk.boundary + static_cast<TensorId>(u);
        case BlockProgram::output: return chunk.boundary + static_cast<TensorId>(u) + 1;
        case BlockProgram::input_gradient: return chunk.gradient + static_cast<TensorId>(u);
        case BlockProgram::output_gradient: return chunk.gradient + static_cast<TensorId>(u) + 1;
        default: return unit.first_tensor + id;
      }
    };
    const auto operands = static_cast<std::uint32_t>(body_->operands.size()), touches = static_cast<std::uint32_t>(body_->touches.size());
    for (const TensorId id : from.operands) body_->operands.push_back(placed(id));
    for (const TensorId id : from.touches) body_->touches.push_back(placed(id));
    for (Instruction in : from.instructions) {
      in.first_operand += operands;
      in.first_touch += touches;
      in.work += unit.first_work;
      in.layer = static_cast<std::uint16_t>(unit.layer);
      body_->instructions.push_back(in);
    }
  }

  // --- replicas ---------------------------------------------------------------------------------------------------------------------

  [[nodiscard]] GroupKind shard_group(Experts experts) const {
    if (plan_.sharding_group == 0) return experts == Experts::yes ? GroupKind::expert_dp : GroupKind::dp;
    return experts == Experts::yes ? GroupKind::expert_shard : GroupKind::shard;
  }
  [[nodiscard]] Communication between_replicas(Flow flow, GroupKind group, std::int64_t elements, Bytes element) const {
    return {.flow = flow, .group = group, .elements = elements, .element = element, .hidden = dp_};
  }

  // Parameters of the ranks that share a copy.
  void issue_gather(std::int64_t elements, Experts experts, TokenId token, const Operands& o = {}) {
    push({.lane = Lane::dp, .token = token, .work = work(between_replicas(Flow::dp_all_gather, shard_group(experts), elements, element_))}, o);
  }

  // Gradients: to all replicas, or to the rank that keeps them and then to its likes in other sharding groups. Sets `token`, and `token + 1` for the latter.
  void issue_reduce(std::int64_t elements, Experts experts, TokenId token, std::vector<TokenId>& issued) {
    const Bytes element = state_.reduction;
    const Flow flow = plan_.zero == 0 ? Flow::dp_all_reduce : Flow::dp_reduce_scatter;
    if (size_of_group(shard_group(experts), plan_) > 1) {
      push({.lane = Lane::dp, .token = token, .work = work(between_replicas(flow, shard_group(experts), elements, element))});
      issued.push_back(token);
    }
    const GroupKind replica = experts == Experts::yes ? GroupKind::expert_replica : GroupKind::replica;
    if (plan_.sharding_group != 0 && size_of_group(replica, plan_) > 1) {
      const std::int64_t share = shard_sizes(elements, size_of_group(shard_group(experts), plan_)).largest;
      push({.lane = Lane::dp, .token = static_cast<TokenId>(token + 1), .work = work(between_replicas(Flow::dp_all_reduce, replica, share, element))});
      issued.push_back(static_cast<TokenId>(token + 1));
    }
  }

  // --- before and after all passes --------------------------------------------------------------------------------------------------

  template <class Visit>
  void each_bucket(Visit visit) {
    for (Chunk& chunk : chunks_) {
      for (const Experts experts : {Experts::no, Experts::yes}) {
        for (const Bucket& bucket : chunk.buckets[experts == Experts::yes ? 1 : 0]) visit(chunk, experts, bucket);
      }
    }
  }

  void open(Body body) {
    out_.bodies.push_back(std::move(body));
    body_ = &out_.bodies.back();
  }
  void call_once() { out_.calls.push_back({static_cast<std::uint32_t>(out_.bodies.size() - 1), 0}); }

  // Parameters that the optimiser left in shards are gathered before, or beside, the first forward.
  void prologue() {
    open({});
    push({.work = work(FrameworkFloor{})});
    if (plan_.zero == 1) {
      for (Chunk& chunk : chunks_) {
        for (const Experts experts : {Experts::no, Experts::yes}) {
          auto& buckets = chunk.buckets[experts == Experts::yes ? 1 : 0];
          for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {  // in the order of forward
            if (size_of_group(shard_group(experts), plan_) == 1) continue;
            const TokenId token = next_token();
            issue_gather(bucket->elements, experts, token);
            if (dp_ == 0) {
              wait(token);
            } else {
              gathers_.push_back({&chunk - chunks_.data(), bucket->first_unit, token});
            }
          }
        }
      }
    }
    if (plan_.zero == 2) gather_units_at_start();
    call_once();
  }
  TokenId next_token() { return token_ = static_cast<TokenId>(token_ + 2); }

  void gather_units_at_start() {
    for (const Chunk& chunk : chunks_) {
      for (std::size_t u = 0; u < chunk.units.size(); ++u) {
        for (const Experts experts : {Experts::no, Experts::yes}) {
          const std::int64_t elements = experts == Experts::yes ? chunk.units[u].program->expert_parameters : chunk.units[u].program->parameters;
          if (elements == 0 || size_of_group(shard_group(experts), plan_) == 1) continue;
          const TokenId token = next_token();
          issue_gather(elements, experts, token);
          if (dp_ == 0) {
            wait(token);
          } else {
            gathers_.push_back({&chunk - chunks_.data(), static_cast<int>(u), token});
          }
        }
      }
    }
  }

  void epilogue() {
    open({});
    if (plan_.zero < 2 && dp_ == 0) {
      each_bucket([&](const Chunk&, Experts experts, const Bucket& bucket) {
        std::vector<TokenId> issued;
        issue_reduce(bucket.elements, experts, next_token(), issued);
        for (const TokenId token : issued) wait(token);
      });
    }
    for (const TokenId token : reductions_) wait(token);
    if (plan_.schedule == ScheduleKind::dualpipe && plan_.pp > 1) add_mirrored();
    const std::int64_t tied = second_table(given_.model, plan_);
    if (tied > 0 && (out_.stage == 0 || out_.stage == plan_.pp - 1)) {  // both ends add their gradients of it
      exchange_at_end({.flow = Flow::pp_all_reduce, .group = GroupKind::ends, .elements = tied, .element = state_.reduction});
    }
    update(tied);
    call_once();
  }

  void exchange_at_end(const Communication& c) {
    const TokenId token = next_token();
    push({.lane = lane_of(c.flow), .token = token, .work = work(c)});
    wait(token);
  }

  // The copies of a chunk on two stages have seen half of the micro-batches each.
  void add_mirrored() {
    std::int64_t dense = 0, expert = 0;
    for (const Chunk& chunk : chunks_) {
      for (const Unit& unit : chunk.units) dense += unit.program->parameters, expert += unit.program->expert_parameters;
    }
    const std::int64_t sum = updated_parameters(plan_, dense, expert);
    exchange_at_end({.flow = Flow::pp_all_reduce, .group = GroupKind::mirror, .elements = sum, .element = state_.reduction});
  }

  void update(std::int64_t tied) {
    std::int64_t dense = out_.stage == plan_.pp - 1 ? tied : 0, expert = 0;
    for (const Chunk& chunk : chunks_) {
      for (const Unit& unit : chunk.units) dense += unit.program->parameters, expert += unit.program->expert_parameters;
    }
    const std::int64_t own = updated_parameters(plan_, dense, expert);
    if (own == 0) return;
    if (!plan_.offload.optimizer) {
      const Bytes moved = optimizer_bytes(given_.stack, state_, static_cast<double>(own));
      push({.work = work(Computation{.part = Part::update, .kernels = {Streaming{StreamingKind::optimizer, moved}}})});
      return;
    }
    const double n = static_cast<double>(own);
    push({.lane = Lane::to_host, .token = copying, .work = work(HostCopy{n * state_.gradient, true})});
    wait(copying);
    push({.work = work(HostUpdate{own})});
    push({.lane = Lane::from_host, .token = copying, .work = work(HostCopy{n * state_.parameter, false})});
    wait(copying);
  }

  // --- passes -----------------------------------------------------------------------------------------------------------------------

  static bool makes_weight_gradients(PassKind kind) { return kind == PassKind::backward || kind == PassKind::weight_gradient; }

  void passes() {
    const auto list = table_.of(out_.stage);
    std::map<int, std::size_t> first_forward, last_gradient;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].kind == PassKind::forward) first_forward.try_emplace(list[i].chunk, i);
      if (makes_weight_gradients(list[i].kind)) last_gradient[list[i].chunk] = i;
    }
    std::map<std::tuple<int, PassKind, bool>, std::uint32_t> known;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Pass& pass = list[i];
      const bool special = pass.kind == PassKind::forward ? first_forward[pass.chunk] == i && !gathers_.empty()
                                                          : makes_weight_gradients(pass.kind) && last_gradient[pass.chunk] == i && plan_.zero < 2 && dp_ > 0;
      const auto [found, fresh] = known.try_emplace({pass.chunk, pass.kind, special}, static_cast<std::uint32_t>(out_.bodies.size()));
      if (fresh) pass_body(pass.chunk, pass.kind, special);
      out_.calls.push_back({found->second, pass.micro_batch});
    }
  }

  void pass_body(int local, PassKind kind, bool special) {
    const Chunk& chunk = chunks_[static_cast<std::size_t>(local)];
    open({.chunk = local, .kind = kind});
    if (kind == PassKind::forward) {
      forward(chunk, local, special);
    } else {
      backward(chunk, kind, special);
    }
  }

  void receive(int from, Lane lane, TensorId id) {
    if (from < 0 || from == out_.stage) return;
    body_->from_stage = from;
    push({.code = Code::receive, .lane = lane, .token = receiving}, {.writes = {id}, .allocates = {id}});
    wait(receiving);
  }
  void send(int to, Flow flow, TensorId id) {
    if (to < 0 || to == out_.stage) return;
    body_->to_stage = to;
    const std::int64_t elements = static_cast<std::int64_t>((boundary_bytes(given_, split_) / element_));
    const Communication c{.flow = flow, .group = GroupKind::next_stage, .elements = elements, .element = element_, .hidden = pipeline_overlap(given_.stack, plan_)};
    push({.lane = lane_of(flow), .work = work(c)}, {.reads = {id}, .releases = {id}});
  }

  void forward(const Chunk& chunk, int local, bool first) {
    const std::size_t n = chunk.units.size();
    const bool receives = chunk.from >= 0;
    if (first && receives) {  // who waits for a message anyway waits for all of them before it
      for (const Gather& gather : gathers_) {
        if (gather.chunk == local) wait(gather.token);
      }
    }
    receive(chunk.from, Lane::pp_forward, chunk.boundary);
    for (std::size_t u = 0; u < n; ++u) {
      if (first && !receives) {
        for (const Gather& gather : gathers_) {
          if (gather.chunk == local && gather.unit == static_cast<int>(u)) wait(gather.token);
        }
      }
      gather_unit(chunk, u, u + 1 < n ? std::optional(u + 1) : std::nullopt, u == 0);
      append(chunk, u, PassKind::forward);
      drop_unit(chunk, u);
      if (plan_.offload.activations) away(chunk, u);
    }
    if (plan_.offload.activations) settle(chunk, n - 1);
    send(chunk.to, Flow::pp_send_forward, chunk.boundary + static_cast<TensorId>(n));
  }

  void backward(const Chunk& chunk, PassKind kind, bool last) {
    const std::size_t n = chunk.units.size();
    const bool inputs = kind != PassKind::weight_gradient;  // makes gradients of inputs
    if (inputs) receive(chunk.to, Lane::pp_backward, chunk.gradient + static_cast<TensorId>(n));
    for (std::size_t u = n; u-- > 0;) {
      if (inputs) gather_unit(chunk, u, u > 0 ? std::optional(u - 1) : std::nullopt, u + 1 == n);
      if (inputs && plan_.offload.activations) back(chunk, u);
      if (makes_weight_gradients(kind) && plan_.zero >= 2) mark({.allocates = {chunk.gradients + static_cast<TensorId>(u)}});
      append(chunk, u, kind);
      if (inputs) drop_unit(chunk, u);
      if (makes_weight_gradients(kind) && plan_.zero >= 2) scatter_unit(chunk, u);
      if (last) reduce_buckets(chunk, u);
    }
    if (makes_weight_gradients(kind) && plan_.zero >= 2) wait_for_scatter(chunk, 0);
    if (inputs) send(chunk.from, Flow::pp_send_backward, chunk.gradient);
  }

  // ZeRO-3: the unit's parameters are gathered for the pass; those of the next one meanwhile, where the software can.
  void gather_unit(const Chunk& chunk, std::size_t u, std::optional<std::size_t> next, bool opens) {
    if (plan_.zero != 3) return;
    if (opens || dp_ == 0) issue_unit(chunk, u);
    wait_for_unit(chunk, u);
    if (next && dp_ > 0) issue_unit(chunk, *next);
  }
  [[nodiscard]] bool has(const Chunk& chunk, std::size_t u, Experts experts) const {
    const BlockProgram& block = *chunk.units[u].program;
    return (experts == Experts::yes ? block.expert_parameters : block.parameters) > 0 && size_of_group(shard_group(experts), plan_) > 1;
  }
  void issue_unit(const Chunk& chunk, std::size_t u) {
    mark({.allocates = {chunk.gathered + static_cast<TensorId>(u)}});
    const auto parity = static_cast<TokenId>(u % 2);
    if (has(chunk, u, Experts::no)) issue_gather(chunk.units[u].program->parameters, Experts::no, static_cast<TokenId>(gathering + parity));
    if (has(chunk, u, Experts::yes)) issue_gather(chunk.units[u].program->expert_parameters, Experts::yes, static_cast<TokenId>(gathering_experts + parity));
  }
  void wait_for_unit(const Chunk& chunk, std::size_t u) {
    const auto parity = static_cast<TokenId>(u % 2);
    if (has(chunk, u, Experts::no)) wait(static_cast<TokenId>(gathering + parity));
    if (has(chunk, u, Experts::yes)) wait(static_cast<TokenId>(gathering_experts + parity));
  }
  void drop_unit(const Chunk& chunk, std::size_t u) {
    if (plan_.zero == 3) mark({.releases = {chunk.gathered + static_cast<TensorId>(u)}});
  }

  // ZeRO-2 and 3: the unit's gradients go to the ranks that keep them; at most one unit's are on their way.
  void scatter_unit(const Chunk& chunk, std::size_t u) {
    if (u + 1 < chunk.units.size() && dp_ > 0) wait_for_scatter(chunk, u + 1);
    scattered_.clear();
    if (has_copies(chunk, u, Experts::no)) issue_reduce(chunk.units[u].program->parameters, Experts::no, scattering, scattered_);
    if (has_copies(chunk, u, Experts::yes)) issue_reduce(chunk.units[u].program->expert_parameters, Experts::yes, static_cast<TokenId>(scattering + 2), scattered_);
    if (dp_ == 0 && u > 0) wait_for_scatter(chunk, u);
  }
  [[nodiscard]] bool has_copies(const Chunk& chunk, std::size_t u, Experts experts) const {
    const BlockProgram& block = *chunk.units[u].program;
    return (experts == Experts::yes ? block.expert_parameters : block.parameters) > 0;
  }
  void wait_for_scatter(const Chunk& chunk, std::size_t u) {
    for (const TokenId token : scattered_) wait(token);
    scattered_.clear();
    mark({.releases = {chunk.gradients + static_cast<TensorId>(u)}});
  }

  void reduce_buckets(const Chunk& chunk, std::size_t u) {
    for (const Experts experts : {Experts::no, Experts::yes}) {
      for (const Bucket& bucket : chunk.buckets[experts == Experts::yes ? 1 : 0]) {
        if (bucket.first_unit == static_cast<int>(u)) issue_reduce(bucket.elements, experts, next_token(), reductions_);
      }
    }
  }

  // --- activations in host memory ---------------------------------------------------------------------------------------------------

  [[nodiscard]] std::vector<TensorId> saved(const Chunk& chunk, std::size_t u) const {
    std::vector<TensorId> list;
    for (const TensorId id : saved_tensors(*chunk.units[u].program)) {
      list.push_back(id == BlockProgram::input ? chunk.boundary + static_cast<TensorId>(u) : chunk.units[u].first_tensor + id);
    }
    return list;
  }
  [[nodiscard]] Bytes bytes_of(const std::vector<TensorId>& list) const {
    Bytes sum{0};
    for (const TensorId id : list) sum += out_.tensors[id].bytes;
    return sum;
  }
  // To the host while the next unit runs.
  void away(const Chunk& chunk, std::size_t u) {
    if (u > 0) settle(chunk, u - 1);
    const std::vector<TensorId> list = saved(chunk, u);
    push({.lane = Lane::to_host, .token = static_cast<TokenId>(copying + u % 2), .work = work(HostCopy{bytes_of(list), true})}, {.reads = list});
  }
  void settle(const Chunk& chunk, std::size_t u) { wait(static_cast<TokenId>(copying + u % 2), {.releases = saved(chunk, u)}); }
  // Back while the unit before it in backward runs.
  void back(const Chunk& chunk, std::size_t u) {
    if (u + 1 == chunk.units.size()) fetch(chunk, u);
    wait(static_cast<TokenId>(copying + u % 2));
    if (u > 0) fetch(chunk, u - 1);
  }
  void fetch(const Chunk& chunk, std::size_t u) {
    const std::vector<TensorId> list = saved(chunk, u);
    push({.lane = Lane::from_host, .token = static_cast<TokenId>(copying + u % 2), .work = work(HostCopy{bytes_of(list), false})}, {.writes = list, .allocates = list});
  }

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
  Split split_;
  double dp_;
  Bytes element_;
  StateBytes state_;
  StageProgram out_;
  std::vector<Chunk> chunks_;
  std::map<const BlockProgram*, std::uint32_t> first_work_;
  Body* body_ = nullptr;
  std::uint32_t nothing_ = 0;
  TokenId token_ = kept;
  std::vector<Gather> gathers_;
  std::vector<TokenId> reductions_, scattered_;
};

}  // namespace

SplitPrograms lower_split(const Scenario& given, const BlockKinds& kinds, const Split& split, double load) {
  SplitPrograms programs;
  for (const Block& block : kinds.distinct) programs.blocks.push_back(lower_block(given, block, split, load));
  programs.embedding = lower_embedding(given, split);
  programs.head = lower_head(given, split);
  return programs;
}

StageProgram lower_stage(const PricedScenario& scenario, const BlockKinds& kinds, const SplitPrograms& programs, const ScheduleTable& table, const Plan& plan, int stage) {
  return StageLowering(scenario, kinds, programs, table, plan, stage).lower();
}

double data_parallel_overlap(const Stack& stack, const Plan& plan) {
  const bool forbidden = plan.overlap.dp && !*plan.overlap.dp;
  return forbidden ? 0 : plan.zero == 3 ? stack.overlap.zero3 : stack.overlap.dp;
}

double pipeline_overlap(const Stack& stack, const Plan& plan) { return plan.overlap.pp && !*plan.overlap.pp ? 0 : stack.overlap.pp; }

// Reads the gradient twice (its norm, then the update), reads and writes the states, writes the parameter.
Bytes optimizer_bytes(const Stack& stack, const StateBytes& state, double parameters) {
  return stack.optimizer_passes * parameters * (2.0 * state.gradient + 2.0 * state.optimizer + state.parameter);
}

}  // namespace forerun

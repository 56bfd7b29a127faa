#include "strategies/simulation/replay_program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "strategies/plan/chunks.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/simulation/role_prices.hpp"
#include "strategies/plan/rank_grid.hpp"

namespace forerun {
namespace {

constexpr TaskId none{0xffffffff};
constexpr std::string_view one_order = "every member of a group must run the same collectives in the same order";

// A collective that several roles join.
struct Meeting {
  TaskId hides = none, stops = none;
  int joined = 0;
  const Communication* what = nullptr;
  TaskOrigin first{};  // who joined first
};

class GraphBuilder {
 public:
  GraphBuilder(const PricedScenario& scenario, const Program& program, bool detailed, std::vector<double> slowdown)
      : s_(scenario), p_(program), grid_(program.plan), detailed_(detailed) {
    out_.slowdown = std::move(slowdown);
    out_.slowdown.resize(program.roles.size(), 1.0);
  }

  ProgramGraph build() {
    const std::size_t roles = p_.roles.size();
    chunks_ = chunks_per_stage(p_.plan);
    sent_.assign(roles * static_cast<std::size_t>(chunks_) * 2 * static_cast<std::size_t>(p_.micro_batches), none);
    out_.steps.resize(roles);
    find_peers();
    for (std::size_t r = 0; r < roles; ++r) {
      out_.prices.push_back(prices_of_role(s_, p_, static_cast<std::uint32_t>(r)));
      out_.first_stream.push_back(StreamId{static_cast<std::uint32_t>(r * lane_count)});
      for (std::size_t lane = 0; lane < lane_count; ++lane) builder_.add_stream();
      processors_.push_back(builder_.add_capacity(1));
    }
    for (std::size_t r = 0; r < roles; ++r) run_role(static_cast<std::uint32_t>(r));
    match_messages();
    for (const auto& [key, meeting] : meetings_) {
      if (meeting.joined == expected_.at(key)) continue;
      complain(
          fmt::format("{} is joined by {} of {} roles", describe(p_, meeting.first), meeting.joined, expected_.at(key)),
          one_order);
    }
    out_.graph = builder_.build();
    return std::move(out_);
  }

 private:
  struct Issued {
    TaskId hides = none;  // to wait for
    Tick stops = 0;       // to spend at the wait
    const Meeting* meeting = nullptr;
    std::tuple<GroupKind, std::uint32_t, std::uint32_t> key{};
    Lane lane{};
    std::uint32_t instruction = 0, call = 0, work = 0;
    std::size_t message = 0;
    bool is_message = false;
  };
  using Key = std::tuple<GroupKind, std::uint32_t, std::uint32_t>;  // kind, group, number of the collective in it

  [[nodiscard]] const StageProgram& stage(std::size_t role) const { return p_.stages[p_.roles[role].program]; }
  [[nodiscard]] StreamId stream(std::uint32_t role, Lane lane) const {
    return StreamId{role * static_cast<std::uint32_t>(lane_count) + static_cast<std::uint32_t>(lane)};
  }

  // --- groups --------------------------------------------------------------------------------------------------------

  // Which roles meet in the groups of each role. Equal sets are one group: where one role stands for many groups, so do
  // its peers.
  void find_peers() {
    std::map<std::pair<std::size_t, std::vector<std::uint32_t>>, std::uint32_t> known;
    group_.resize(p_.roles.size());
    for (std::size_t r = 0; r < p_.roles.size(); ++r) {
      for (std::size_t k = 0; k < group_count; ++k) {
        const auto kind = static_cast<GroupKind>(k);
        if (grid_.size(kind) == 1 || kind == GroupKind::next_stage) continue;
        std::vector<std::uint32_t> roles;
        for (const int rank : grid_.members(kind, p_.roles[r].ranks.front()))
          roles.push_back(p_.role_of_rank[static_cast<std::size_t>(rank)]);
        std::sort(roles.begin(), roles.end());
        roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
        const int count = static_cast<int>(roles.size());
        const auto found = known.try_emplace({k, std::move(roles)}, static_cast<std::uint32_t>(known.size())).first;
        group_[r][k] = {found->second, count, 0};
      }
    }
  }

  // --- tasks ---------------------------------------------------------------------------------------------------------

  TaskId add(Tick work, TaskOrigin origin) {
    out_.origin.push_back(origin);
    return builder_.add_task(work);
  }
  void depend(TaskId before, TaskId after) {
    if (before != none) builder_.depend(before, after);
  }

  // Puts a task on the compute lane: it waits for all that was waited for since the last one.
  void compute_task(TaskId task, bool on_lane = true) {
    auto& steps = out_.steps[role_];
    const auto first = static_cast<std::uint32_t>(out_.waits.size());
    for (const auto& wait : pending_) {
      depend(wait.task, task);
      out_.waits.push_back(wait);
    }
    for (const std::size_t message : pending_messages_) wanted_.push_back({message, task, role_, steps.size()});
    steps.push_back({task, first, static_cast<std::uint32_t>(pending_.size()), !pending_messages_.empty()});
    pending_.clear();
    pending_messages_.clear();
    if (on_lane) builder_.enqueue(task, stream(role_, Lane::compute));
    last_ = task;
  }

  void flush() {
    if (!open_) return;
    open_ = false;
    const TaskId task = add(open_work_, open_origin_);
    compute_task(task);
    if (shares_) builder_.demand(task, processors_[role_], 1);
  }

  // Neighbours of one sort are one task.
  void compute(Tick work, TaskOrigin origin, int sort) {
    if (work == 0) return;
    if (open_ && sort != open_sort_) flush();
    if (!open_) open_ = true, open_work_ = 0, open_origin_ = origin, open_sort_ = sort;
    open_work_ += work;
    if (detailed_) flush();
  }

  // What an instruction on another lane comes after.
  void after_compute(TaskId task) {
    depend(last_, task);
    for (const auto& wait : pending_) depend(wait.task, task);
    for (const std::size_t message : pending_messages_)
      wanted_.push_back({message, task, role_, static_cast<std::size_t>(-1)});
  }

  static std::pair<Tick, Tick> parts(Tick all, double hidden) {
    const auto hides = static_cast<Tick>(std::llround(hidden * static_cast<double>(all)));
    return {hides, all - hides};
  }

  void issue(const Instruction& in, TaskOrigin origin, const Body& body, std::int32_t micro_batch) {
    flush();
    const StageProgram& program = stage(role_);
    const Tick all = to_ticks(out_.prices[role_][in.work].time);
    const Communication* c = std::get_if<Communication>(&program.works[in.work]);
    if (c == nullptr) {  // a copy: all of it beside computation
      const TaskId task = add(all, origin);
      after_compute(task);
      builder_.enqueue(task, stream(role_, in.lane));
      tokens_[in.token] = {.hides = task, .lane = in.lane};
      return;
    }
    if (c->group == GroupKind::next_stage) return send(in, *c, all, origin, body, micro_batch);
    const auto [hides, stops] = parts(all, c->hidden);
    auto& mine = group_[role_][static_cast<std::size_t>(c->group)];
    Issued issued{
        .stops = stops, .lane = in.lane, .instruction = origin.instruction, .call = origin.call, .work = in.work};
    if (mine.roles > 1) {
      issued.key = {c->group, mine.id, mine.next++};
      Meeting& meeting = meetings_[issued.key];
      expected_[issued.key] = mine.roles;
      join(meeting, *c, origin);
      issued.meeting = &meeting;
      if (hides > 0) {
        if (meeting.hides == none) meeting.hides = add(hides, origin);
        issued.hides = meeting.hides;
      }
    } else if (hides > 0) {
      issued.hides = add(hides, origin);
    }
    if (issued.hides != none) {
      after_compute(issued.hides);
      builder_.enqueue(issued.hides, stream(role_, in.lane));
      if (shares_) builder_.demand(issued.hides, processors_[role_], s_.given.stack.contention);
    }
    tokens_[in.token] = issued;
  }

  void join(Meeting& meeting, const Communication& c, TaskOrigin origin) {
    if (++meeting.joined == 1) meeting.what = &c, meeting.first = origin;
    if (meeting.what->flow == c.flow && meeting.what->elements == c.elements && meeting.what->element == c.element)
      return;
    complain(fmt::format("{} of {} elements meets {} of {}", describe(p_, meeting.first), meeting.what->elements,
                         describe(p_, origin), c.elements),
             one_order);
  }
  void complain(std::string what, std::string_view hint) {
    out_.unmatched.push_back({{}, std::move(what), std::string(hint)});
  }

  void send(const Instruction& in, const Communication& c, Tick all, TaskOrigin origin, const Body& body,
            std::int32_t micro_batch) {
    const auto [hides, stops] = parts(all, c.hidden);
    TaskId last = none;
    if (stops > 0 || hides == 0) {
      origin.stops = true;
      last = add(stops, origin);
      compute_task(last);
      builder_.enqueue(last, stream(role_, in.lane));
    }
    if (hides > 0) {
      origin.stops = false;
      const TaskId task = add(hides, origin);
      if (last == none) after_compute(task);
      depend(last, task);
      builder_.enqueue(task, stream(role_, in.lane));
      last = task;
    }
    const std::size_t key = message_to(body, in.lane == Lane::pp_forward, micro_batch);
    if (sent_[key] != none) complain(describe(p_, origin) + " is sent twice", "send it once");
    sent_[key] = last;
  }

  [[nodiscard]] std::size_t message_key(std::uint32_t role, int local, bool forward, std::int32_t micro_batch) const {
    return ((role * static_cast<std::size_t>(chunks_) + static_cast<std::size_t>(local)) * 2 + (forward ? 1 : 0)) *
               static_cast<std::size_t>(p_.micro_batches) +
           static_cast<std::size_t>(micro_batch);
  }
  [[nodiscard]] std::size_t message_to(const Body& body, bool forward, std::int32_t micro_batch) const {
    const int from = stage(role_).stage, up = direction_of(p_.plan, *body.chunk);
    const int chunk = chunk_on(p_.plan, from, *body.chunk) + (forward ? 1 : -1);
    const int rank = p_.roles[role_].ranks.front() + (*body.to_stage - from) * grid_.stage_ranks();
    return message_key(p_.role_of_rank[static_cast<std::size_t>(rank)], local_chunk(p_.plan, chunk, up), forward,
                       micro_batch);
  }

  void wait(const Instruction& in, TaskOrigin origin) {
    const auto found = tokens_.find(in.token);
    if (found == tokens_.end()) {
      complain(describe(p_, origin) + " is waited for, but was never issued", "issue it first");
      return;
    }
    flush();
    Issued& issued = found->second;
    if (issued.is_message) {
      pending_messages_.push_back(issued.message);
      return;
    }
    if (issued.hides != none) pending_.push_back({issued.hides, issued.lane});
    if (issued.stops == 0 && (issued.meeting == nullptr || issued.hides != none)) return;
    origin.stops = true, origin.instruction = issued.instruction, origin.call = issued.call;
    TaskId task = none;
    if (issued.meeting != nullptr) {
      Meeting& meeting = meetings_[issued.key];
      if (meeting.stops == none) meeting.stops = add(issued.stops, origin);
      task = meeting.stops;
    } else {
      task = add(issued.stops, origin);
    }
    compute_task(task);
    // What hides nothing has its lane at once; the rest of what does is a stop of the computation, not a place in the
    // queue.
    if (issued.hides == none) builder_.enqueue(task, stream(role_, issued.lane));
  }

  void run_role(std::uint32_t role) {
    role_ = role;
    tokens_.clear();
    pending_.clear(), pending_messages_.clear();
    last_ = none, open_ = false;
    const StageProgram& program = stage(role);
    shares_ =
        s_.given.stack.contention > 0 && std::any_of(program.works.begin(), program.works.end(), [](const Work& work) {
          const Communication* c = std::get_if<Communication>(&work);
          return c != nullptr && c->hidden > 0 && c->group != GroupKind::next_stage;
        });
    for (std::uint32_t n = 0; n < program.calls.size(); ++n) {
      const Call& call = program.calls[n];
      const Body& body = program.bodies[call.body];
      for (std::uint32_t i = 0; i < body.instructions.size(); ++i) step(body.instructions[i], body, call, {role, n, i});
    }
    flush();
    if (!pending_.empty() || !pending_messages_.empty())
      compute_task(add(0, {role, static_cast<std::uint32_t>(program.calls.size()), 0}));
  }

  void step(const Instruction& in, const Body& body, const Call& call, TaskOrigin origin) {
    switch (in.code) {
      case Code::wait:
        return wait(in, origin);
      case Code::receive:
        tokens_[in.token] = {.message = message_key(role_, *body.chunk, in.lane == Lane::pp_forward, call.micro_batch),
                             .is_message = true};
        return;
      case Code::run:
        break;
    }
    if (in.lane != Lane::compute) return issue(in, origin, body, call.micro_batch);
    const Work& work = stage(role_).works[in.work];
    const bool kernels = std::holds_alternative<Computation>(work);
    const Tick time = to_ticks(out_.prices[role_][in.work].time);
    compute(kernels ? slowed(time, out_.slowdown[role_]) : time, origin,
            kernels ? 1 + static_cast<int>(std::get<Computation>(work).part) : 0);
  }

  void match_messages() {
    std::vector<bool> received(sent_.size(), false);
    for (const Wanted& wanted : wanted_) {
      if (sent_[wanted.message] == none) {
        complain(describe(p_, out_.origin[index(wanted.task)]) + " waits for a message that nobody sends",
                 "send it, or do not receive it");
        continue;
      }
      received[wanted.message] = true;
      builder_.depend(sent_[wanted.message], wanted.task);
      out_.messages.emplace_back(sent_[wanted.message], wanted.task);
    }
    for (std::size_t message = 0; message < sent_.size(); ++message) {
      if (sent_[message] != none && !received[message])
        complain(describe(p_, out_.origin[index(sent_[message])]) + " is never received",
                 "receive it, or do not send it");
    }
  }

  struct Wanted {
    std::size_t message;
    TaskId task;
    std::uint32_t role;
    std::size_t step;
  };
  struct Group {
    std::uint32_t id = 0;
    int roles = 1;
    std::uint32_t next = 0;
  };

  const PricedScenario& s_;
  const Program& p_;
  const RankGrid grid_;
  bool detailed_;
  TaskGraphBuilder builder_;
  ProgramGraph out_;
  std::vector<CapacityId> processors_;  // of each role
  std::vector<std::array<Group, group_count>> group_;
  std::map<Key, Meeting> meetings_;
  std::map<Key, int> expected_;
  std::vector<TaskId> sent_;
  std::vector<Wanted> wanted_;
  int chunks_ = 1;

  std::uint32_t role_ = 0;
  std::map<TokenId, Issued> tokens_;
  std::vector<ProgramGraph::Wait> pending_;
  std::vector<std::size_t> pending_messages_;
  TaskId last_ = none;
  bool open_ = false, shares_ = false;
  Tick open_work_ = 0;
  int open_sort_ = 0;
  TaskOrigin open_origin_;
};

}  // namespace

ProgramGraph build_graph(const PricedScenario& scenario, const Program& program, bool detailed,
                         std::vector<double> slowdown) {
  return GraphBuilder(scenario, program, detailed, std::move(slowdown)).build();
}

}  // namespace forerun

// Which ranks do the same: colours refined until they no longer change.
#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "costmodel/collectives/collective.hpp"
#include "hardware/topology.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/programs/steps/roles.hpp"

namespace forerun {
namespace {

using Colour = std::uint32_t;

// Equal keys get equal numbers, in the order in which they first come.
template <class Key>
class Numbering {
 public:
  Colour operator()(const Key& key) {
    return known_.try_emplace(key, static_cast<Colour>(known_.size())).first->second;
  }
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  std::map<Key, Colour> known_;
};

constexpr std::array grouped{
    GroupKind::tp,         GroupKind::cp,    GroupKind::ep,           GroupKind::etp,     GroupKind::dp,
    GroupKind::expert_dp,  GroupKind::shard, GroupKind::expert_shard, GroupKind::replica, GroupKind::expert_replica,
    GroupKind::next_stage, GroupKind::ends,  GroupKind::mirror};

class Refinement {
 public:
  Refinement(const Topology& topology, const Plan& plan, std::vector<Colour> colours)
      : topology_(topology), grid_(plan), colours_(std::move(colours)) {
    for (const GroupKind kind : grouped) {
      if (grid_.size(kind) > 1) kinds_.push_back(kind);
    }
  }

  std::vector<Colour> run() {
    with_groups([&](const std::vector<int>& group, bool) { return places(group); });
    for (std::size_t before = 0; before != count_;) {
      before = count_;
      with_groups([&](const std::vector<int>& group, bool in_order) { return colours(group, in_order); });
    }
    return std::move(colours_);
  }

 private:
  // One step: a rank's new colour is its old one and what `say` tells of each of its groups.
  template <class Say>
  void with_groups(Say say) {
    const std::size_t ranks = colours_.size();
    std::vector<std::vector<Colour>> keys(ranks);
    for (std::size_t r = 0; r < ranks; ++r) keys[r] = {colours_[r]};
    for (const GroupKind kind : kinds_) {
      Numbering<std::vector<std::uint32_t>> number;
      for (std::size_t r = 0; r < ranks; ++r) {
        const std::vector<int> group = grid_.members(kind, static_cast<int>(r));
        if (group.empty()) {
          keys[r].push_back(0);
        } else if (group.front() == static_cast<int>(r)) {
          const Colour said = 1 + number(say(group, kind == GroupKind::next_stage));
          for (const int member : group) keys[static_cast<std::size_t>(member)].push_back(said);
        }
      }
    }
    Numbering<std::vector<Colour>> number;
    for (std::size_t r = 0; r < ranks; ++r) colours_[r] = number(keys[r]);
    count_ = number.size();
  }

  // How many members share each component of each level.
  [[nodiscard]] std::vector<std::uint32_t> places(const std::vector<int>& group) const {
    std::vector<std::uint32_t> key;
    for (const Level& level : topology_.levels) {
      std::map<int, std::uint32_t> inside;
      for (const int rank : group) ++inside[rank / level.size];
      std::vector<std::uint32_t> counts;
      for (const auto& [component, n] : inside) counts.push_back(n);
      std::sort(counts.begin(), counts.end());
      key.push_back(static_cast<std::uint32_t>(counts.size()));
      key.insert(key.end(), counts.begin(), counts.end());
    }
    return key;
  }

  [[nodiscard]] std::vector<std::uint32_t> colours(const std::vector<int>& group, bool in_order) const {
    std::vector<std::uint32_t> key;
    for (const int rank : group) key.push_back(colours_[static_cast<std::size_t>(rank)]);
    if (!in_order) std::sort(key.begin(), key.end());
    return key;
  }

  const Topology& topology_;
  const RankGrid grid_;
  std::vector<Colour> colours_;
  std::vector<GroupKind> kinds_;
  std::size_t count_ = 0;
};

// Experts of one rank of each group draw more than their share, the others what is left.
double load_of(const Job& job, const Plan& plan, bool busiest) {
  return busiest ? job.expert_skew : (plan.ep - job.expert_skew) / (plan.ep - 1);
}

}  // namespace

void lower_ranks(const PricedScenario& scenario, const LowerOptions& options, Program& program,
                 const std::function<void(double load)>& lower_stages) {
  const Plan& plan = program.plan;
  const Job& job = scenario.given.job;
  const bool skewed = plan.ep > 1 && job.expert_skew > 1;
  lower_stages(skewed ? load_of(job, plan, true) : 1);
  if (skewed) lower_stages(load_of(job, plan, false));
  std::vector<std::uint32_t> program_of_rank(static_cast<std::size_t>(gpus(plan)));
  const RankGrid grid(plan);
  for (std::size_t r = 0; r < program_of_rank.size(); ++r) {
    const RankCoordinates at = grid.at(static_cast<int>(r));
    program_of_rank[r] = static_cast<std::uint32_t>(at.pp + (skewed && at.ep > 0 ? plan.pp : 0));
  }
  find_roles(scenario.topology, program_of_rank, options, program);
}

void find_roles(const Topology& topology, const std::vector<std::uint32_t>& program_of_rank,
                const LowerOptions& options, Program& program) {
  const std::size_t ranks = program_of_rank.size();
  std::vector<Colour> colours(ranks);
  if (options.every_rank) {
    std::iota(colours.begin(), colours.end(), 0U);
  } else {
    Numbering<std::pair<std::uint32_t, int>> number;  // one of a kind, or like all others of its program
    for (std::size_t r = 0; r < ranks; ++r) {
      const bool different =
          std::find(options.different.begin(), options.different.end(), static_cast<int>(r)) != options.different.end();
      colours[r] = number({program_of_rank[r], different ? static_cast<int>(r) : -1});
    }
    colours = Refinement(topology, program.plan, std::move(colours)).run();
  }
  std::map<Colour, std::uint32_t> role_of;
  program.role_of_rank.resize(ranks);
  for (std::size_t r = 0; r < ranks; ++r) {
    const auto [found, fresh] = role_of.try_emplace(colours[r], static_cast<std::uint32_t>(program.roles.size()));
    if (fresh) program.roles.push_back({program_of_rank[r], {}});
    program.roles[found->second].ranks.push_back(static_cast<int>(r));
    program.role_of_rank[r] = found->second;
  }
}

}  // namespace forerun

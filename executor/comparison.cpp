#include "executor/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/quantile.hpp"

namespace forerun {
namespace {

double value(Seconds time) { return time.value(); }

Seconds computing(const Breakdown& b) { return b.compute + b.recompute + b.optimizer + b.host; }

std::int64_t total(const RankReport& rank) {
  return std::accumulate(rank.peak.begin(), rank.peak.end(), std::int64_t{0});
}

std::vector<Compared> compare_memory(const Simulation& s, const Execution& run) {
  const RankReport& rank = *std::ranges::max_element(run.ranks, {}, total);
  const StageMemory peak = program_memory(program_of(s.program, rank.rank)).peak;
  std::vector<Compared> rows;
  for (std::size_t i = 0; i < memory_categories.size(); ++i) {
    const MemoryCategory& category = memory_categories[i];
    rows.push_back(
        {std::string(category.short_label), (peak.*category.bytes).value(), static_cast<double>(rank.peak[i])});
  }
  rows.push_back({"all", peak.allocated().value(), static_cast<double>(total(rank))});
  return rows;
}

std::vector<Compared> compare_bytes(const Simulation& s, const Execution& run) {
  const auto [promised, sent] = busiest_traffic(s.program, run);
  std::vector<Compared> list;
  for (std::size_t f = 0; f < flow_count; ++f) {
    const auto flow = static_cast<Flow>(f);
    if (promised[flow].api.value() == 0 && sent[flow].api.value() == 0) continue;
    list.push_back({fmt::format("{} {}", to_string(dimension_of(flow)), name_of(flow)), promised[flow].api.value(),
                    sent[flow].api.value()});
  }
  return list;
}

// What the rows leave of the whole.
Compared rest_of(const Compared& whole, const std::vector<Compared>& rows) {
  Compared rest{"rest of the step", whole.predicted, whole.measured};
  for (const Compared& row : rows) rest.predicted -= row.predicted, rest.measured -= row.measured;
  constexpr double rounding = 1e-9;
  if (std::abs(rest.predicted) < rounding * whole.predicted) rest.predicted = 0;
  return rest;
}

}  // namespace

Seconds step_on_cores(const Simulation& s, int cores) {
  Seconds work{0};
  for (std::size_t r = 0; r < s.roles.size(); ++r) {
    const Breakdown& b = s.roles[r].breakdown;
    Seconds one = computing(b);
    for (const Dimension d : all_dimensions) one += b.exposed_in(d) + b.hidden_in(d);
    work += static_cast<double>(s.program.roles[r].ranks.size()) * one;
  }
  return std::max(s.step, work / static_cast<double>(cores));
}

Comparison compare(const Simulation& s, const Execution& run, int cores, std::span<const Seconds> runs) {
  Comparison c;
  c.cores = cores, c.others = run.others;
  std::vector<double> steps;
  for (const Seconds one : runs) steps.push_back(value(one));
  if (steps.empty()) steps = warm_steps(run);
  const double median = quantile(steps, 0.5);
  c.step = {"step", step_on_cores(s, cores).value(), median};
  c.spread = (quantile(steps, 0.75) - quantile(steps, 0.25)) / median;
  const RankReport& rank =
      *std::ranges::max_element(run.ranks, {}, [](const RankReport& r) { return r.times.computation.value(); });
  const Breakdown& b = s.roles[s.program.role_of_rank[static_cast<std::size_t>(rank.rank)]].breakdown;
  c.time.push_back({"computation", value(computing(b)), value(rank.times.computation)});
  for (const Dimension d : all_dimensions) {
    const Compared row{fmt::format("{} communication", to_string(d)), value(b.exposed_in(d)),
                       value(rank.times.exposed[static_cast<std::size_t>(d)])};
    if (row.predicted > 0 || row.measured > 0) c.time.push_back(row);
  }
  if (s.program.plan.pp > 1) c.time.push_back({"waiting for stages", value(b.bubble), value(rank.times.bubble)});
  c.time.push_back(rest_of(c.step, c.time));
  for (const RankReport& one : run.ranks) {
    if (one.expert_rows_promised > 0)
      c.expert_skew =
          std::max(c.expert_skew, static_cast<double>(one.expert_rows) / static_cast<double>(one.expert_rows_promised));
  }
  c.memory = compare_memory(s, run);
  c.bytes = compare_bytes(s, run);
  return c;
}

SentTraffic busiest_traffic(const Program& program, const Execution& run) {
  SentTraffic most;
  const auto widen = [](Volume& of, const Volume& one) {
    of.api = std::max(of.api, one.api), of.wire = std::max(of.wire, one.wire);
  };
  for (const RankReport& rank : run.ranks) {
    const Traffic promised = promised_traffic(program, rank.rank);
    for (std::size_t f = 0; f < flow_count; ++f) {
      const auto flow = static_cast<Flow>(f);
      widen(most.promised[flow], promised[flow]), widen(most.sent[flow], rank.traffic[flow]);
    }
  }
  return most;
}

bool agrees(const Scenario& given, int step, double loss, double reference) {
  const DType dtype = given.job.dtype;
  const double tolerance = dtype == DType::fp64 ? 1e-9
                           : dtype == DType::bf16 || is_mixture(given.model)
                               ? 5e-2
                               : (step == 0 ? 1e-6 : 1e-3) * std::abs(reference);
  return std::abs(loss - reference) <= tolerance;  // false where either is not a number
}

}  // namespace forerun

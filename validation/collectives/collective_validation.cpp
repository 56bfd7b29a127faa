#include "validation/collectives/collective_validation.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "costmodel/fitting/errors.hpp"
#include "costmodel/fitting/folds.hpp"
#include "validation/collectives/collective_prediction.hpp"

namespace forerun {
namespace {

struct Scored {
  const CollectiveRow* row;
  CollectivePlace place;
  const FamilyParameters* family;
  Timing predicted;
};

CollectiveErrors summarise_rows(const std::vector<std::pair<const CollectiveRow*, Timing>>& rows) {
  CollectiveErrors e{.n = rows.size()};
  if (rows.empty()) return e;
  std::vector<double> errors;
  Seconds predicted{0}, measured{0};
  double inside = 0;
  for (const auto& [row, t] : rows) {
    errors.push_back(t.median / row->time - 1);
    predicted += t.median, measured += row->time;
    inside += t.low() <= row->time && row->time <= t.high() ? 1 : 0;
  }
  const ErrorSummary s = summarise(errors);
  return {e.n, s.median, s.p90, predicted / measured, inside / static_cast<double>(e.n)};
}

using Rows = std::vector<std::pair<const CollectiveRow*, Timing>>;
using GroupKey = std::tuple<std::string, std::string, std::string, std::string, int, std::string>;

GroupKey key_of(const Scored& s) {
  return {s.row->source, s.row->gpu,   s.row->dtype,
          s.row->name,   s.row->nodes, s.row->nodes == 1 ? "" : network_key(*s.row, s.place)};
}

bool is_fitted_in_node(const Scored& s) {
  return s.row->nodes == 1 && !s.row->custom && s.predicted.evidence == Evidence::fitted;
}

// Samples that one fit would see together.
using PoolKey = std::tuple<NcclGeneration, CollectiveKind, std::string>;
std::map<PoolKey, std::vector<std::size_t>> pools(const std::vector<Scored>& scored) {
  std::map<PoolKey, std::vector<std::size_t>> all;
  for (std::size_t i = 0; i < scored.size(); ++i) {
    if (is_fitted_in_node(scored[i]))
      all[{scored[i].place.group.generation, scored[i].row->kind, scored[i].place.library}].push_back(i);
  }
  return all;
}

CollectiveSample sample_of(const Scored& s) { return {s.row->kind, s.place.group, s.row->bytes, s.row->time}; }

HostFloor floor_of(const std::string& library) {
  return library.starts_with("nccl") ? HostFloor::none : HostFloor::fitted;
}

// The fit of `kept`; a library with few rows keeps NCCL's curve, as its calibration does.
NodeFit refit(const std::vector<CollectiveSample>& kept, const Scored& like) {
  constexpr std::size_t enough = 24;
  const NodeCalibration* nccl = find_fit(*like.family->nccl, like.row->kind, "nccl");
  const CollectiveForm* given = kept.size() < enough && nccl != nullptr ? &nccl->fit.form : nullptr;
  return fit_node(kept, floor_of(like.place.library), given);
}

Timing predict_with(const NodeFit& fit, const Scored& s) {
  CollectiveForm form = fit.form;
  if (!s.place.group.reduces_in_switch) form.switch_rate = 0;
  const Seconds median = time(form, s.row->kind, s.row->ranks, s.row->bytes, s.place.group.port);
  return {median, fit.spread.at(median), Evidence::fitted};
}

using Unseen = std::vector<std::optional<Timing>>;

// Of a row whose own cluster was taken out, or that no fit predicts.
std::optional<Timing> unseen_by_any_fit(const Scored& s) {
  const Timing t = predict_unseen(*s.row, s.place, *s.family);
  return t.evidence == Evidence::datasheet ? std::optional(t) : std::nullopt;
}

// Each fifth of a pool's sizes, predicted by a fit on the others; nullopt: a fit saw the row, and there are too few
// sizes or there is no refit without it.
Unseen left_out_predictions(const std::vector<Scored>& scored) {
  constexpr std::size_t fewest_sizes = 10;
  Unseen all;
  for (const Scored& s : scored) all.push_back(unseen_by_any_fit(s));
  for (const auto& [key, members] : pools(scored)) {
    std::vector<double> sizes;
    for (const std::size_t i : members) sizes.push_back(scored[i].row->bytes.value());
    const Folds folds = folds_by(sizes);
    if (folds.groups() < fewest_sizes) continue;
    const auto without = [&, &members = members](std::size_t fold) {
      std::vector<std::size_t> others = folds.others(fold);
      std::sort(others.begin(), others.end());  // sums of a fit depend on the order
      std::vector<CollectiveSample> kept;
      for (const std::size_t i : others) kept.push_back(sample_of(scored[members[i]]));
      return refit(kept, scored[members.front()]);
    };
    const std::vector<Timing> predicted = predict_left_out(
        folds, without,
        [&, &members = members](const NodeFit& fit, std::size_t i) { return predict_with(fit, scored[members[i]]); });
    for (std::size_t i = 0; i < members.size(); ++i) all[members[i]] = predicted[i];
  }
  return all;
}

std::vector<HeldOutRanks> held_out_ranks(const std::vector<Scored>& scored) {
  std::vector<HeldOutRanks> all;
  for (const auto& [key, members] : pools(scored)) {
    std::vector<CollectiveSample> kept;
    std::map<std::tuple<std::string, std::string, int>, std::vector<std::size_t>> rest;
    for (const std::size_t i : members) {
      const CollectiveRow& row = *scored[i].row;
      if (row.ranks == 2 || row.ranks == 8) {
        kept.push_back(sample_of(scored[i]));
      } else {
        rest[{row.source, row.gpu, row.ranks}].push_back(i);
      }
    }
    if (rest.empty() || kept.size() < 3) continue;
    const NodeFit fit = refit(kept, scored[members.front()]);
    for (const auto& [who, rows] : rest) {
      Rows predicted;
      for (const std::size_t i : rows) predicted.emplace_back(scored[i].row, predict_with(fit, scored[i]));
      all.push_back({std::get<0>(who), std::get<1>(who), scored[rows.front()].row->name, std::get<2>(who),
                     summarise_rows(predicted)});
    }
  }
  return all;
}

Unseen predictions_of(const std::vector<Scored>& scored) {
  Unseen all;
  for (const Scored& s : scored) all.emplace_back(s.predicted);
  return all;
}

Rows select(const std::vector<Scored>& scored, const Unseen& predictions, bool one_node) {
  Rows rows;
  for (std::size_t i = 0; i < scored.size(); ++i) {
    if ((scored[i].row->nodes == 1) == one_node && predictions[i]) rows.emplace_back(scored[i].row, *predictions[i]);
  }
  return rows;
}

void fill_groups(const std::vector<Scored>& scored, const Unseen& unseen, CollectiveValidation& v) {
  std::map<GroupKey, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < scored.size(); ++i) groups[key_of(scored[i])].push_back(i);
  for (const auto& [key, members] : groups) {
    CollectiveGroup g{std::get<0>(key),
                      std::get<1>(key),
                      std::get<2>(key),
                      std::get<3>(key),
                      std::get<5>(key),
                      std::get<4>(key),
                      Evidence::measured,
                      {},
                      {}};
    Rows seen, left;
    for (const std::size_t i : members) {
      g.evidence = std::min(g.evidence, scored[i].predicted.evidence);
      seen.emplace_back(scored[i].row, scored[i].predicted);
      if (!unseen.empty() && unseen[i]) left.emplace_back(scored[i].row, *unseen[i]);
    }
    g.errors = summarise_rows(seen);
    g.left_out = summarise_rows(left);
    v.groups.push_back(std::move(g));
  }
}

}  // namespace

Result<CollectiveValidation> score_collectives(const CollectiveRows& rows, WithLeftOut with_left_out,
                                               const OwnCalibrations& own) {
  CollectivePlacer placer(own);
  std::size_t unknown = 0;
  for (const SkippedRows& one : rows.skipped) unknown += one.n;
  CollectiveValidation v{.rows = rows.rows.size() + rows.untimed + unknown, .others = rows.others};
  std::vector<Scored> scored;
  std::map<std::string, std::size_t> reasons;
  if (rows.untimed > 0) reasons["no time, or one rank"] = rows.untimed;
  for (const CollectiveRow& row : rows.rows) {
    auto place = placer.place(row);
    if (!place) {
      ++reasons[placer.why_not(row)];
      continue;
    }
    const Result<FamilyParameters>& family = placer.parameters(node_of(place->cluster).device.family);
    if (!family) return fail(family.error());
    const Timing t = predict(row, *place, *family);
    scored.push_back({&row, *std::move(place), &*family, t});
  }
  v.scored = scored.size();
  for (const auto& [reason, n] : reasons) v.skipped.push_back({reason, n});
  for (const SkippedRows& one : rows.skipped) v.skipped.push_back({one.reason, one.n});
  v.in_node = summarise_rows(select(scored, predictions_of(scored), true));
  v.over_network = summarise_rows(select(scored, predictions_of(scored), false));
  Unseen unseen;
  if (with_left_out == WithLeftOut::yes) {
    unseen = left_out_predictions(scored);
    v.in_node_left_out = summarise_rows(select(scored, unseen, true));
    v.over_network_left_out = summarise_rows(select(scored, unseen, false));
    v.held_out = held_out_ranks(scored);
  }
  fill_groups(scored, unseen, v);
  return v;
}

Result<CollectiveValidation> validate_collectives(const std::string& path, WithLeftOut with_left_out) {
  const Result<CollectiveRows> rows = read_collective_rows(path);
  if (!rows) return fail(rows.error());
  return score_collectives(*rows, with_left_out);
}

}  // namespace forerun

// What a fit is worth on what it did not see: whole groups are left out in turn, and predicted by a fit to the others.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <vector>

namespace forerun {

// Items by group, and groups dealt out in turn to at most so many folds.
class Folds {
 public:
  // `group_of`: of each item, counted from 0; `groups`: how many there are.
  Folds(const std::vector<std::size_t>& group_of, std::size_t groups, std::size_t most)
      : groups_(groups > 1 ? groups : 0), members_(std::min(most, groups_)) {
    for (std::size_t i = 0; i < group_of.size() && groups_ > 0; ++i) members_[group_of[i] % count()].push_back(i);
  }

  [[nodiscard]] std::size_t groups() const { return groups_; }  // 0: one, nothing can be left out
  [[nodiscard]] std::size_t count() const { return members_.size(); }
  [[nodiscard]] const std::vector<std::size_t>& members(std::size_t fold) const { return members_[fold]; }
  // Items of the other folds, fold after fold.
  [[nodiscard]] std::vector<std::size_t> others(std::size_t fold) const {
    std::vector<std::size_t> list;
    for (std::size_t other = 0; other < count(); ++other) {
      if (other != fold) list.insert(list.end(), members_[other].begin(), members_[other].end());
    }
    return list;
  }

 private:
  std::size_t groups_;
  std::vector<std::vector<std::size_t>> members_;
};

// Groups by a key of each item (a name, a size), in the order of the keys.
template <class Key>
Folds folds_by(const std::vector<Key>& keys, std::size_t most = 5) {
  std::map<Key, std::size_t> number;
  for (const Key& key : keys) number.emplace(key, 0);
  std::size_t next = 0;
  for (auto& [key, group] : number) group = next++;
  std::vector<std::size_t> group_of;
  for (const Key& key : keys) group_of.push_back(number[key]);
  return {group_of, number.size(), most};
}

// For each item what a model says that its fold had no part in: predict(model, item), with model = without(fold).
// Nothing where there are no folds.
template <class Without, class Predict>
auto predict_left_out(const Folds& folds, Without without, Predict predict) {
  std::size_t items = 0;
  for (std::size_t fold = 0; fold < folds.count(); ++fold) items += folds.members(fold).size();
  std::vector<decltype(predict(without(0), std::size_t{0}))> all(items);
  for (std::size_t fold = 0; fold < folds.count(); ++fold) {
    const auto& model = without(fold);
    for (const std::size_t i : folds.members(fold)) all[i] = predict(model, i);
  }
  return all;
}

}  // namespace forerun

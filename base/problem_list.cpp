#include "base/problem_list.hpp"

#include <algorithm>
#include <tuple>

namespace forerun {

namespace {

auto place(const Position& at) { return std::tie(at.line, at.column); }
bool before(const Problem& a, const Problem& b) { return place(a.at) < place(b.at); }

}  // namespace

void ProblemList::add(Problem problem) {
  if (listed() == most) return count(problem.at.file);
  listed_.push_back(std::move(problem));
}

bool ProblemList::would_list(const Position& at) const {
  return listed() < most || place(at) < place(listed_[most - 1].at);
}

void ProblemList::add_in_order(Problem problem) {
  if (!would_list(problem.at)) return count(problem.at.file);
  const auto end = listed_.begin() + static_cast<std::ptrdiff_t>(listed());
  const auto [first, last] = std::equal_range(listed_.begin(), end, problem, before);
  if (std::find(first, last, problem) != last) return;
  const std::string file = problem.at.file;
  const bool full = listed() == most;
  listed_.insert(last, std::move(problem));
  if (!full) return;
  listed_.erase(listed_.begin() + most);
  count(file);
}

void ProblemList::count(const std::string& file) {
  if (unlisted_ == 0) listed_.push_back({{file, 0, 0}, "", "mend those above first"});
  ++unlisted_;
  listed_.back().message = std::to_string(unlisted_) + (unlisted_ == 1 ? " more problem" : " more problems");
}

}  // namespace forerun

#include <algorithm>
#include <queue>

#include "costmodel/kernels/residual_interpolation.hpp"

namespace forerun {
namespace {

using Samples = std::span<ShapeResidual>;

double scatter(std::span<const ShapeResidual> samples) {
  double sum = 0, squares = 0;
  for (const ShapeResidual& s : samples) sum += s.residual, squares += s.residual * s.residual;
  return std::max(0.0, squares - sum * sum / static_cast<double>(samples.size()));
}

// The boundary between two values of a coordinate that is nearest the middle; 0: all are equal. The samples are in the
// order of it.
std::size_t boundary(Samples samples, std::size_t d) {
  const auto value = [&](std::size_t i) { return samples[i].at[d]; };
  std::size_t above = samples.size() / 2, below = above;
  while (above < samples.size() && value(above) == value(above - 1)) ++above;
  while (below > 0 && value(below) == value(below - 1)) --below;
  if (above == samples.size()) return below;
  return below == 0 || above - samples.size() / 2 <= samples.size() / 2 - below ? above : below;
}

void sort_by(Samples samples, std::size_t d) {
  std::stable_sort(samples.begin(), samples.end(),
                   [&](const ShapeResidual& a, const ShapeResidual& b) { return a.at[d] < b.at[d]; });
}

struct Cell {
  Samples samples;
  double priority = 0;  // 0: cannot be split
  std::size_t order = 0;  // equal priorities go in the order of making
};
bool operator<(const Cell& a, const Cell& b) {
  return a.priority != b.priority ? a.priority < b.priority : a.order > b.order;
}

// What residuals are alike is split as well, where shapes are far apart: a hair of scatter for each power of two.
constexpr double hair = 1e-3;

double spread_of(Samples samples) {
  double widest = 0;
  for (std::size_t d = 0; d < KernelShape{}.size(); ++d) {
    const auto [low, high] =
        std::minmax_element(samples.begin(), samples.end(),
                            [&](const ShapeResidual& a, const ShapeResidual& b) { return a.at[d] < b.at[d]; });
    widest = std::max(widest, high->at[d] - low->at[d]);
  }
  return widest;
}

Cell cell(Samples samples, std::size_t order) {
  const double spread = spread_of(samples);
  return {samples, spread > 0 ? scatter(samples) + hair * static_cast<double>(samples.size()) * spread : 0, order};
}

// Sorts the samples by the best coordinate and returns where they part.
std::size_t part(Samples samples) {
  std::size_t best = 0, at = 0;
  double least = 0;
  for (std::size_t d = 0; d < KernelShape{}.size(); ++d) {
    sort_by(samples, d);
    const std::size_t middle = boundary(samples, d);
    if (middle == 0) continue;
    const double width = samples.back().at[d] - samples.front().at[d];
    const double left = scatter(samples.first(middle)) + scatter(samples.subspan(middle)) -
                        hair / 10 * static_cast<double>(samples.size()) * width;
    if (at == 0 || left < least) best = d, at = middle, least = left;
  }
  sort_by(samples, best);
  return boundary(samples, best);
}

ShapeResidual centre(Samples samples) {
  ShapeResidual m;
  for (const ShapeResidual& s : samples) {
    for (std::size_t d = 0; d < m.at.size(); ++d) m.at[d] += s.at[d];
  }
  for (double& x : m.at) x /= static_cast<double>(samples.size());
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  const auto less = [](const ShapeResidual& a, const ShapeResidual& b) { return a.residual < b.residual; };
  std::nth_element(samples.begin(), middle, samples.end(), less);
  m.residual = samples.size() % 2 == 1
                   ? middle->residual
                   : (middle->residual + std::max_element(samples.begin(), middle, less)->residual) / 2;
  return m;
}

}  // namespace

std::vector<ShapeResidual> cells_of(std::vector<ShapeResidual> samples, std::size_t most) {
  std::vector<ShapeResidual> means;
  if (samples.empty()) return means;
  std::priority_queue<Cell> cells;
  std::size_t made = 0;
  cells.push(cell(samples, made++));
  while (cells.size() < most && cells.top().priority > 0) {
    const Samples whole = cells.top().samples;
    cells.pop();
    const std::size_t middle = part(whole);
    cells.push(cell(whole.first(middle), made++));
    cells.push(cell(whole.subspan(middle), made++));
  }
  for (; !cells.empty(); cells.pop()) means.push_back(centre(cells.top().samples));
  std::sort(means.begin(), means.end(), [](const ShapeResidual& a, const ShapeResidual& b) { return a.at < b.at; });
  return means;
}

}  // namespace forerun

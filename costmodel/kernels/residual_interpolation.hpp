// Rung `measured`: what a fitted form misses near a shape, interpolated between samples.
//
//   ln(t / form) = sum_i w_i r_i / (shrink + sum_i w_i),   w_i = (1 - d_i^2 / radius^2)^2 inside the radius, else 0
//
// d_i is the distance to sample i in log2 of the shape: (m, n, k, batch) of products; (sequences, heads, key-value
// heads, queries, keys, head size) of attention; bytes of streaming kernels. Where no sample is near the sum is 0 and
// the time is exactly the form's. A local weighted mean with finite support (Nadaraya-Watson, with `shrink` a prior of
// zero): smooth, and no extrapolation. Wrong across cliffs between samples, such as a library's change of kernel, which
// it smears over the radius.
//
// Samples are kept as at most 300 cells: the cell whose residuals scatter most is split, in the coordinate and at the
// value nearest its median that leave the least scatter, again and again; a cell stands at the mean of its shapes with
// the mean of its residuals.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "costmodel/kernels/kernel_form.hpp"

namespace forerun {

using KernelShape = std::array<double, 6>;  // log2; coordinates that a kind does not have are 0
int shape_dimensions(KernelKind);
// Nothing: shapes that no sample resembles, whatever their size (backward passes, windows, masks that are not causal).
std::optional<KernelShape> shape_of(const Kernel&);

struct ShapeResidual {
  KernelShape at{};
  double residual = 0;  // ln(measured / form)

  bool operator==(const ShapeResidual&) const = default;
};

struct ResidualField {
  double radius = 1;  // in log2
  double shrink = 1;
  std::vector<ShapeResidual> cells;

  bool operator==(const ResidualField&) const = default;
};

inline constexpr std::size_t most_cells = 300;
std::vector<ShapeResidual> cells_of(std::vector<ShapeResidual> samples, std::size_t most = most_cells);

// A field ready to be asked: cells in boxes, of which those out of reach are skipped. Some 200 ns.
class ResidualInterpolation {
 public:
  explicit ResidualInterpolation(const ResidualField&);

  struct Near {
    double residual = 0;
    double share = 0;  // of the samples in it, the rest is the form's
    [[nodiscard]] bool dominates() const { return share >= 0.5; }
  };
  [[nodiscard]] Near near(const KernelShape&) const;

 private:
  struct Box {
    KernelShape low, high;
    std::uint32_t first, last;  // cells
    std::uint32_t next;  // box that follows where this one is out of reach
    bool leaf;
  };
  void build(std::uint32_t first, std::uint32_t last);

  double square_, shrink_;
  std::vector<ShapeResidual> cells_;
  std::vector<Box> boxes_;  // depth first
};

}  // namespace forerun

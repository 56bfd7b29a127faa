// Chooses how far samples reach beyond a fitted form, on samples left out. Inside costmodel/ only.
#pragma once

#include "costmodel/fitting/folds.hpp"
#include "costmodel/kernels/kernel_residuals.hpp"

namespace forerun {

// The samples at `indices` as the interpolation wants them; shapes that it does not know are left out.
std::vector<ShapeResidual> shape_residuals(std::span<const KernelSample>, const std::vector<double>& residuals,
                                           const std::vector<std::size_t>& indices);

// `without[fold]`: residuals of all samples by the form that did not see the fold, whose samples are then interpolated
// from the others'. Radius and shrink of a fold's samples are those that serve the other folds best, so that no sample
// has a say in its own score. Where the median and the 90th percentile of all left-out errors fall by 5 % or more,
// `into` gets field (without its cells), residuals and dominated.
void interpolate_left_out(const Folds&, std::span<const KernelSample>, const std::vector<std::vector<double>>& without,
                          HeldOutFit& into);

}  // namespace forerun

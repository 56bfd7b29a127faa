// The loss of next-token prediction over logits of which a rank holds a slice of the vocabulary (Shoeybi et al. 2019,
// section 3).
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/number.hpp"

namespace forerun {

// What a slice says of a row: its largest logit, the sum of e^(logit - largest), and the target's logit, -infinity
// where another slice has it.
template <class A>
struct LossStatistics {
  A largest, sum, target;
};

// logits: [rows, columns of this rank], of which the first is vocabulary entry `first`. Writes exponentials [rows,
// columns], of logits less the slice's largest, and a row's statistics.
template <class T>
void cross_entropy_forward(std::int64_t first, std::span<const T> logits, std::span<const std::int32_t> targets,
                           std::span<Arithmetic<T>> exponentials, std::span<LossStatistics<Arithmetic<T>>> statistics);

// log(sum e^logit) - logit of the target, of each row: `statistics` are those of all slices, [slices, rows].
template <class A>
void cross_entropy_losses(std::span<const LossStatistics<A>> statistics, std::span<A> losses);

// dlogits = scale (softmax - [target]) of this rank's slice: `scale` is the gradient of each row's loss, 1 / rows of
// the batch for a mean.
template <class T>
void cross_entropy_backward(std::int64_t first, int slice, Arithmetic<T> scale,
                            std::span<const Arithmetic<T>> exponentials,
                            std::span<const LossStatistics<Arithmetic<T>>> statistics,
                            std::span<const std::int32_t> targets, std::span<T> dlogits);

}  // namespace forerun

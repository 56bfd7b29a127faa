// The loss of next-token prediction over logits of which a rank holds a slice of the vocabulary (Shoeybi et al. 2019,
// section 3).
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "runtime/number.hpp"

namespace forerun {

// Numbers that the ranks of a vocabulary combine in place: the largest, and the sum. Empty: this rank holds all of it.
template <class A>
struct AcrossVocabulary {
  std::function<void(std::span<A>)> largest, sum;
};

// logits: [rows, columns of this rank], of which the first is vocabulary entry `first`. Writes each row's loss, log(sum
// e^logit) - logit of its target, the same on all ranks, and what backward needs: `exponentials` [rows, columns] and
// `inverse_sums` [rows]. Calls across.largest once with `rows` numbers, then across.sum once with 2 rows.
template <class T>
void cross_entropy_forward(std::int64_t first, std::span<const T> logits, std::span<const std::int32_t> targets,
                           const AcrossVocabulary<Arithmetic<T>>& across, std::span<Arithmetic<T>> exponentials,
                           std::span<Arithmetic<T>> inverse_sums, std::span<Arithmetic<T>> losses);

// dlogits = scale (softmax - [target]): `scale` is the gradient of each row's loss, 1 / rows of the batch for a mean.
template <class T>
void cross_entropy_backward(std::int64_t first, Arithmetic<T> scale, std::span<const Arithmetic<T>> exponentials,
                            std::span<const Arithmetic<T>> inverse_sums, std::span<const std::int32_t> targets,
                            std::span<T> dlogits);

}  // namespace forerun

#include "costmodel/kernels/residual_interpolation.hpp"

#include <algorithm>
#include <cmath>

namespace forerun {
namespace {

constexpr std::uint32_t leaf_size = 6;

double base2(std::int64_t n) { return std::log2(static_cast<double>(n)); }

double distance_to(const KernelShape& at, const KernelShape& low, const KernelShape& high) {
  double sum = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double outside = std::max({low[i] - at[i], at[i] - high[i], 0.0});
    sum += outside * outside;
  }
  return sum;
}

double distance_to(const KernelShape& a, const KernelShape& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace

int shape_dimensions(KernelKind kind) {
  switch (kind) {
    case KernelKind::gemm:
      return 4;
    case KernelKind::attn_prefill:
    case KernelKind::attn_decode:
      return 6;
    default:
      return 1;
  }
}

std::optional<KernelShape> shape_of(const Kernel& kernel) {
  if (const auto* g = std::get_if<Gemm>(&kernel)) {
    if (g->m < 1 || g->n < 1 || g->k < 1 || g->batch < 1) return std::nullopt;
    return KernelShape{base2(g->m), base2(g->n), base2(g->k), base2(g->batch)};
  }
  if (const auto* a = std::get_if<FusedAttention>(&kernel)) {
    constexpr double same = 1e-6;
    const bool sampled =
        !a->backward && a->head_dim == a->value_dim && std::abs(a->visible - visible_share(a->q_len, a->kv_len)) < same;
    if (!sampled || a->sequences < 1 || a->q_len < 1) return std::nullopt;
    return KernelShape{base2(a->sequences), base2(a->heads),  base2(a->kv_heads),
                       base2(a->q_len),     base2(a->kv_len), base2(a->head_dim)};
  }
  const double bytes = std::get<Streaming>(kernel).bytes.value();
  if (bytes <= 0) return std::nullopt;
  return KernelShape{std::log2(bytes)};
}

ResidualInterpolation::ResidualInterpolation(const ResidualField& field)
    : square_(field.radius * field.radius), shrink_(field.shrink), cells_(field.cells) {
  if (!cells_.empty()) build(0, static_cast<std::uint32_t>(cells_.size()));
}

void ResidualInterpolation::build(std::uint32_t first, std::uint32_t last) {
  const std::size_t self = boxes_.size();
  Box box{cells_[first].at, cells_[first].at, first, last, 0, last - first <= leaf_size};
  std::size_t widest = 0;
  for (std::size_t d = 0; d < box.low.size(); ++d) {
    for (std::uint32_t i = first; i < last; ++i) {
      box.low[d] = std::min(box.low[d], cells_[i].at[d]);
      box.high[d] = std::max(box.high[d], cells_[i].at[d]);
    }
    if (box.high[d] - box.low[d] > box.high[widest] - box.low[widest]) widest = d;
  }
  boxes_.push_back(box);
  if (!box.leaf) {
    const std::uint32_t middle = first + (last - first) / 2;
    const auto at = [&](std::uint32_t i) { return cells_.begin() + i; };
    std::nth_element(at(first), at(middle), at(last),
                     [&](const ShapeResidual& a, const ShapeResidual& b) { return a.at[widest] < b.at[widest]; });
    build(first, middle);
    build(middle, last);
  }
  boxes_[self].next = static_cast<std::uint32_t>(boxes_.size());
}

ResidualInterpolation::Near ResidualInterpolation::near(const KernelShape& at) const {
  double weights = 0, sum = 0;
  for (std::size_t b = 0; b < boxes_.size();) {
    const Box& box = boxes_[b];
    if (distance_to(at, box.low, box.high) >= square_) {
      b = box.next;
      continue;
    }
    if (box.leaf) {
      for (std::uint32_t i = box.first; i < box.last; ++i) {
        const double inside = std::max(0.0, 1 - distance_to(at, cells_[i].at) / square_);
        weights += inside * inside;
        sum += inside * inside * cells_[i].residual;
      }
    }
    ++b;
  }
  return weights > 0 ? Near{sum / (weights + shrink_), weights / (weights + shrink_)} : Near{};
}

}  // namespace forerun

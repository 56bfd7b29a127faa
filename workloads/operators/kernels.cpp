#include "workloads/operators/kernels.hpp"

#include <algorithm>

namespace forerun {
namespace {

double pairs(const FusedAttention& a) {
  return static_cast<double>(a.sequences) * static_cast<double>(a.q_len) * static_cast<double>(a.kv_len) * a.visible;
}

struct FlopsOf {
  Flops operator()(const Gemm& g) const {
    return Flops{2.0 * static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k) *
                 static_cast<double>(g.batch)};
  }
  // Forward: Q K^T and P V. Backward: Q K^T again, dV, dP, dQ, dK (FlashAttention-2, section 2.3).
  Flops operator()(const FusedAttention& a) const {
    const double forward = 2.0 * pairs(a) * a.heads * (a.head_dim + a.value_dim);
    const double backward = 2.0 * pairs(a) * a.heads * (3.0 * a.head_dim + 2.0 * a.value_dim);
    return Flops{a.backward ? backward : forward};
  }
  Flops operator()(const Streaming&) const { return Flops{0}; }
};

struct BytesOf {
  Bytes operator()(const Gemm& g) const {
    const auto m = static_cast<double>(g.m), n = static_cast<double>(g.n), k = static_cast<double>(g.k);
    return static_cast<double>(g.batch) *
           ((m * k + k * n) * size_of(g.dtype) + m * n * Bytes{static_cast<double>(g.output_size)});
  }
  // Queries and outputs once, keys and values once; backward reads them, O and dO, and writes dQ, dK, dV.
  Bytes operator()(const FusedAttention& a) const {
    const double q = static_cast<double>(a.q_len) * a.heads * a.head_dim;
    const double o = static_cast<double>(a.q_len) * a.heads * a.value_dim;
    const double kv = static_cast<double>(a.kv_len) * a.kv_heads * (a.head_dim + a.value_dim);
    const double elements = a.backward ? 2 * q + 2 * o + 2 * kv : q + o + kv;
    return static_cast<double>(a.sequences) * elements * size_of(a.dtype);
  }
  Bytes operator()(const Streaming& s) const { return s.bytes; }
};

}  // namespace

Flops flops(const Kernel& kernel) { return std::visit(FlopsOf{}, kernel); }
Bytes bytes_moved(const Kernel& kernel) { return std::visit(BytesOf{}, kernel); }

double visible_share(std::int64_t q_len, std::int64_t kv_len, std::int64_t window) {
  if (q_len == 0 || kv_len == 0) return 0;
  // Query i of the last q_len positions sees min(kv_len - q_len + i + 1, window) keys: an arithmetic series that
  // saturates.
  const std::int64_t limit = window > 0 ? std::min(window, kv_len) : kv_len;
  const std::int64_t first = std::min(kv_len - q_len + 1, limit);
  const std::int64_t growing =
      std::min(q_len, limit - first + 1);  // queries that see first, first + 1, ..., up to limit
  const double series =
      static_cast<double>(growing) * (static_cast<double>(first) + static_cast<double>(growing - 1) / 2.0);
  const double saturated = static_cast<double>(q_len - growing) * static_cast<double>(limit);
  return (series + saturated) / (static_cast<double>(q_len) * static_cast<double>(kv_len));
}

}  // namespace forerun

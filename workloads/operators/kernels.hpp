// The kernels that operators launch: what they compute and what they move, on one device, without any cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "base/dtype.hpp"
#include "base/quantity.hpp"

namespace forerun {

// `batch` independent products C[m,n] = A[m,k] B[k,n]; 2 m n k FLOPs each.
struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t batch = 1;
  DType dtype = DType::bf16;
  int output_size = 2;  // bytes of an element of C (4 when weight gradients accumulate in fp32)

  bool operator==(const Gemm&) const = default;
};

// softmax(Q K^T) V in one pass (flash attention): `sequences` x `heads` independent problems of q_len x kv_len
// positions, of which the share `visible` is computed (causal: about one half). Backward: five products where forward
// has two.
struct FusedAttention {
  std::int64_t sequences = 0;
  int heads = 0, kv_heads = 0;
  int head_dim = 0, value_dim = 0;
  std::int64_t q_len = 0, kv_len = 0;
  double visible = 1;
  bool backward = false;
  DType dtype = DType::bf16;

  bool operator==(const FusedAttention&) const = default;
};

enum class StreamingKind : std::uint8_t {
  norm,
  elementwise,
  softmax,
  embedding,
  cross_entropy,
  permute,
  cast,
  optimizer,
  activation,
  rotary
};
inline constexpr std::size_t streaming_kinds = 10;

// Limited by memory: reads and writes `bytes`, computes next to nothing. (Where arithmetic is scarce, on a CPU, kinds
// and directions differ by what they compute a byte; so both are told apart.)
struct Streaming {
  StreamingKind kind = StreamingKind::elementwise;
  Bytes bytes;
  bool backward = false;

  bool operator==(const Streaming&) const = default;
};

using Kernel = std::variant<Gemm, FusedAttention, Streaming>;

Flops flops(const Kernel&);      // matrix arithmetic done; 0 for streaming kernels
Bytes bytes_moved(const Kernel&);  // from and to device memory, each operand once

// Share of a q_len x kv_len causal score matrix that is not masked, the queries being the last of the keys;
// a window keeps at most `window` keys a query (0: all).
double visible_share(std::int64_t q_len, std::int64_t kv_len, std::int64_t window = 0);

}  // namespace forerun

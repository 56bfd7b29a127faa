// Causal attention with grouped queries: softmax(Q K^T / sqrt(head_dim)) V over the keys that a query may see, whole or
// in pieces.
//
// Forward leaves the output and log-sum-exp of each query and head; backward computes the probabilities again from them
// (FlashAttention-2, Dao 2023). The keys may come in pieces (ring attention, Liu et al. 2023): forward of each piece,
// merged into a running result; backward of each piece from the merged output and log-sum-exp. Scores exist for a block
// of queries at a time.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/matrix_product.hpp"

namespace forerun {

struct AttentionShape {
  std::int64_t sequences = 0, queries = 0, keys = 0;  // queries and keys of each sequence
  int heads = 0, kv_heads = 0;  // heads / kv_heads neighbouring query heads share one of keys and values
  int head_dim = 0, value_dim = 0;
  std::int64_t window = 0;  // how many positions back a query sees, its own included; 0: all
};

// Rows are sequences one after the other; a row of q is heads x head_dim elements, of k kv_heads x head_dim, of v
// kv_heads x value_dim. Positions are those of one sequence and the same in all, ascending; a query sees keys at its
// position and before.
template <class T>
struct AttentionInput {
  Matrix<const T> q, k, v;
  std::span<const std::int32_t> query_positions, key_positions;
};

// Elements of Arithmetic<T> that forward and backward need besides their tensors. The same whatever the positions are.
template <class T>
std::int64_t attention_scratch(const AttentionShape&);

// out: rows of heads x value_dim; log_sum_exp: a number a row and head. A query that sees no key gets 0 and -infinity.
template <class T>
void attention_forward(const AttentionShape&, const AttentionInput<T>&, Matrix<T> out,
                       std::span<Arithmetic<T>> log_sum_exp, std::span<Arithmetic<T>> scratch);

// The result over two sets of keys from that over each, into the first: `sum` is contiguous. Start with 0 and
// -infinity.
template <class T>
void merge_attention(const AttentionShape&, Matrix<const T> out, std::span<const Arithmetic<T>> log_sum_exp,
                     std::span<Arithmetic<T>> sum, std::span<Arithmetic<T>> sum_log_sum_exp);

// The gradients are added to dq, dk and dv. `out` and `log_sum_exp` are over all keys, also where `input` holds a piece
// of them.
template <class T>
void attention_backward(const AttentionShape&, const AttentionInput<T>&, Matrix<const T> out,
                        std::span<const Arithmetic<T>> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk,
                        Matrix<T> dv, std::span<Arithmetic<T>> scratch);

}  // namespace forerun

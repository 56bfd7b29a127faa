// Measured kernels, as FILE.csv of `forerun fit` and `forerun validate kernels` holds them: one row a kernel, its shape
// and its time.
//
// Columns (any order; others are ignored): source, gpu, dtype, kind, m, n, k, batch, heads, kv_heads, head_dim, q_len,
// kv_len, bytes, time_us, notes. kind: gemm, attn_prefill, attn_decode, norm, elementwise, softmax, embedding,
// cross_entropy, permute, cast, optimizer, activation, rotary, and attn_backward, norm_backward, activation_backward,
// ... of backward passes; the kinds of collectives (allreduce, sendrecv, ...) are counted and left out. gpu: a device
// of the catalogue, or the path of a device's file beside this one ("local.device.yaml").
// C[m,n] = A[m,k] B[k,n]; attention is causal, q_len new tokens of kv_len; `bytes` is what a streaming kernel reads and
// writes.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "costmodel/kernels/kernel_form.hpp"
#include "validation/skipped_rows.hpp"

namespace forerun {

struct KernelRow {
  std::string source, gpu;
  std::string kind;  // as the file says
  // whose kernels: "vllm-0.24.0", "vllm-0.24.0/fa3", "vidur-cublas"; the source where notes do not say
  std::string library;
  // what is left out together: the model where notes name it, else (n, k), or the head configuration
  std::string group;
  DType dtype = DType::bf16;
  Kernel kernel;
  Seconds time;
};

struct KernelRows {
  std::vector<KernelRow> rows;
  std::size_t collectives = 0;  // rows of collectives and messages, left out
  std::vector<SkippedRows> skipped;  // of unknown kinds, formats and devices
};

// Problems, all at once with line and column: an unreadable file, missing columns, shapes and times that are not
// positive numbers, no row of a kind, format and device that are known.
Result<KernelRows> read_kernel_rows(const std::string& path);
Result<KernelRows> parse_kernel_rows(std::string_view text, const std::string& name);

}  // namespace forerun

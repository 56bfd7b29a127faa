// Building bricks that the operator lists share: a linear layer, a norm, element-wise work.
#pragma once

#include <cstdint>

#include "workloads/operators/operator.hpp"

namespace forerun {

inline Bytes tensor(std::int64_t rows, std::int64_t columns, DType dtype) {
  return static_cast<double>(rows) * static_cast<double>(columns) * size_of(dtype);
}

// What sums and statistics of tensors in a format are kept in.
inline DType sums_of(DType dtype) { return dtype == DType::fp64 ? DType::fp64 : DType::fp32; }

// The products of Y[rows,out] = X[rows,in] W[in,out], `batch` times: Y, dX = dY W^T, dW = X^T dY. In fp8 the operands
// are cast first: X and dY are read in the activation format and written twice (as they are and transposed, which
// tensor cores need).
void add_linear(Operator&, std::int64_t rows, std::int64_t in, std::int64_t out, const Implementation&,
                std::int64_t batch = 1);

// Another kernel adds the weight gradient: reads it, reads and writes what is accumulated.
void add_apart(Operator&, std::int64_t elements, const Implementation&);

void add_norm(Operator&, OperatorKind before, const Model&, std::int64_t rows, std::int64_t width,
              const Implementation&);

// A norm with weights of its own.
Operator norm(OperatorKind, OperatorKind before, const Model&, std::int64_t rows, std::int64_t width,
              const Implementation&);

// Element-wise work of `forward` and `backward` bytes.
void add_streaming(Operator&, StreamingKind, Bytes forward, Bytes backward);

// The sum with the residual stream, behind dropout and a norm of the output where the model has them; `before` made
// that output.
Operator residual(OperatorKind, OperatorKind before, const Model&, const Block&, const TokenShape&,
                  const Implementation&);

enum class Until : bool { input_gradient, weight_gradient };
void save(Operator&, std::string_view name, Bytes, OperatorKind producer, Until);
void save_internal(Operator&, std::string_view name, Bytes);  // made and read by the operator itself, released by B

// Takes out of a block's list what its job does not train, and puts in what it adds (tuned_operators.cpp).
void tune(std::vector<Operator>&, const Block&, const TokenShape&, const Implementation&);
// The same of the embedding and of the head.
void tune_embedding(std::vector<Operator>&, const Implementation&);
void tune_head(std::vector<Operator>&, const Implementation&);

void append_mixer(std::vector<Operator>&, const Model&, const Block&, const TokenShape&, const Implementation&);
void append_feed_forward(std::vector<Operator>&, const Model&, const Block&, const TokenShape&, const Implementation&);

}  // namespace forerun

// The operators of a block, of the embedding and of the head.
#pragma once

#include <vector>

#include "workloads/operators/operator.hpp"

namespace forerun {

std::vector<Operator> block_operators(const Model&, const Block&, const TokenShape&, const Implementation&);
std::vector<Operator> embedding_operators(const Model&, int local_vocab, const TokenShape&, const Implementation&);

enum class HeadEnd : std::uint8_t { loss, logits };  // logits: of a step that nobody trains with
std::vector<Operator> head_operators(const Model&, int local_vocab, const TokenShape&, const Implementation&,
                                     HeadEnd = HeadEnd::loss);

Flops forward_flops(const std::vector<Operator>&);
Flops backward_flops(const std::vector<Operator>&);
Bytes saved_bytes(const std::vector<Operator>&);

}  // namespace forerun

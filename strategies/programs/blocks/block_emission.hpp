// Writes the instructions of a block's passes with what they read and write; liveness.hpp adds what lives how long.
#pragma once

#include <boost/container/small_vector.hpp>

#include "strategies/programs/blocks/block_program.hpp"

namespace forerun {

using Tensors = boost::container::small_vector<TensorId, 6>;  // hardly ever more: a search lowers thousands of blocks

inline void append(Tensors& to, const Tensors& more) { to.insert(to.end(), more.begin(), more.end()); }

class BlockEmission {
 public:
  // `row`: of the tensors at the borders of the block.
  BlockEmission(BlockProgram&, Bytes row, std::size_t operators);

  // What follows belongs to that pass.
  void begin(PassKind);

  TensorId tensor(std::string_view name, Bytes bytes) {
    out_.tensors.push_back({name, MemoryKind::transient, bytes});
    return static_cast<TensorId>(out_.tensors.size() - 1);
  }
  Tensor& operator[](TensorId id) { return out_.tensors[id]; }
  [[nodiscard]] Bytes bytes_of(const Tensors&) const;

  void compute(const Operator&, Part, std::vector<Kernel>, const Tensors& reads, const Tensors& writes);
  // Kernels of an operator; of ring attention one piece at a time while the next keys and values arrive.
  void run(const Operator&, const OperatorExchanges&, Part, const std::vector<Kernel>&, const Tensors& reads,
           Tensors writes);
  // Nothing to compute: the end of some tensors, and what takes their place.
  void pass_on(const Tensors& reads, const Tensors& writes);

  TokenId issue(const Communication&, bool interleaved, const Tensors& reads, const Tensors& writes);
  void wait(TokenId token) { push({.code = Code::wait, .token = token}, {}, {}); }
  // What comes out of an exchange of `from`.
  Tensors result_of(const Exchange& exchange, const Tensors& from) {
    return exchange.received ? Tensors{tensor(exchange.name, *exchange.received)} : from;
  }
  // Waited for at once: all of it is exposed.
  Tensors blocking(const Exchange&, const Tensors& from);
  // Where the software can overlap it, in pieces with everything up to join(); else blocking.
  Tensors change_hands(const Exchange&, const Tensors& from);
  void join();

 private:
  void push(Instruction, const Tensors& reads, const Tensors& writes);
  std::uint32_t work(Work);
  struct RingRun;
  void ring(const Operator&, const Ring&, Part, const std::vector<Kernel>&, const Tensors& reads,
            const Tensors& writes);
  void ring_forward(const RingRun&);
  void ring_backward(const RingRun&);
  // A piece, or after as many as there are ranks what joins them.
  void ring_part(const RingRun&, int step, const Tensors& reads, const Tensors& writes);

  BlockProgram& out_;
  Body* body_ = nullptr;
  std::uint32_t tokens_ = 0;  // of the pass
  std::vector<TokenId> overlapped_;  // communication that join() waits for
};

}  // namespace forerun

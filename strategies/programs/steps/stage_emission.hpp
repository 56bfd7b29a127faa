// Writes the program of a stage: its works and tensors, its bodies instruction by instruction, its calls.
#pragma once

#include <map>

#include "strategies/programs/blocks/block_program.hpp"
#include "strategies/programs/steps/token_allocator.hpp"

namespace forerun {

// Of one instruction: what it reads and writes, what begins to live at its issue and what ends when it is done.
struct Operands {
  std::vector<TensorId> reads = {}, writes = {}, allocates = {}, releases = {};
};

// The parts of one unit's tensors that a body's instructions name: BlockProgram numbers them from 0 on, the stage has
// them somewhere else.
struct TensorPlaces {
  std::array<TensorId, BlockProgram::boundaries> boundary{};  // by BlockProgram's numbers; of those that the pass names
  TensorId others = 0;  // the block's tensor n is others + n

  [[nodiscard]] TensorId operator()(TensorId id) const { return id < boundary.size() ? boundary[id] : others + id; }
};

class StageEmission {
 public:
  // `block_tokens`: of the block that has most (BlockProgram::tokens).
  StageEmission(int stage, std::uint32_t block_tokens);

  TokenId token() { return tokens_.next(); }
  std::uint32_t work(Work);
  TensorId tensor(std::string_view name, MemoryKind, Bytes);
  // The first of the block's tensors, all of which the stage gets.
  TensorId tensors_of(const BlockProgram&);
  // The first of the block's works. Units that run the same block share them.
  std::uint32_t works_of(const BlockProgram&);

  // What follows is written into a new body. Returns its number, for calls.
  std::uint32_t open(Body);
  Body& body() { return out_.bodies.back(); }
  void call(std::uint32_t body, std::int32_t micro_batch = 0) { out_.calls.push_back({body, micro_batch}); }

  void push(Instruction, const Operands& = {});
  // Computes nothing: tensors begin or end to live here.
  void mark(const Operands& operands) { push({.work = nothing_}, operands); }
  void wait(TokenId token, const Operands& operands = {}) { push({.code = Code::wait, .token = token}, operands); }
  // A whole pass of a unit's block. `unit`: of StageProgram::units.
  void append(const Body& pass, std::uint32_t first_work, const TensorPlaces&, std::size_t unit);

  [[nodiscard]] StageProgram& program() { return out_; }
  [[nodiscard]] const StageProgram& program() const { return out_; }
  StageProgram take() { return std::move(out_); }

 private:
  StageProgram out_;
  TokenAllocator tokens_;
  std::map<const BlockProgram*, std::uint32_t> first_work_;
  std::uint32_t nothing_;
};

}  // namespace forerun

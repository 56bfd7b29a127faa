// How rows of tokens go to experts: which ranks they are sent to, and which of them each expert of this rank computes.
//
// The Program promises as many rows to each expert; with top-k routing there are as many as the router says, and the
// ranks tell each other.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "executor/ranks/rank_clock.hpp"
#include "runtime/cpu/expert_order.hpp"

namespace forerun {

// Of one micro-batch in one unit.
struct RoutedRows {
  struct Block {
    int expert;  // of this rank's
    std::int64_t first, count;  // rows
  };
  ExpertOrder order;  // of this rank's tokens
  std::vector<std::int64_t> send, receive;  // rows to and from each rank of the expert-parallel group
  std::vector<std::int64_t> peers;  // rows that each rank of those that share its experts received
  std::vector<Block> blocks;  // of the rows that those ranks compute together
};

class ExpertRows {
 public:
  ExpertRows(RankContext&, RankClock&);

  void begin_step();
  // Rows of the unit and the micro-batch at work: in this order, and what other ranks have to say of theirs.
  void route(ExpertOrder);
  [[nodiscard]] const RoutedRows& at_work() const;

  // What the instruction at work writes is as long as `number` rows where the Program has `promised`; nullopt: as long
  // as it says.
  struct Written {
    std::int64_t number = 0, promised = 0;
  };
  [[nodiscard]] std::optional<Written> written() const;

  // That the experts of this rank drew in this step, and would have drawn if all drew as many.
  [[nodiscard]] std::int64_t drawn() const { return drawn_; }
  [[nodiscard]] std::int64_t promised() const { return promised_; }

 private:
  [[nodiscard]] std::pair<std::int32_t, std::size_t> key() const {
    return {context_.cursor.micro_batch, context_.unit()};
  }
  [[nodiscard]] std::vector<std::int64_t> told_by_groups(const std::vector<std::int64_t>& rows);
  [[nodiscard]] std::vector<std::int64_t> told_by_peers(const std::vector<std::int64_t>& coming);
  [[nodiscard]] Written received() const;
  [[nodiscard]] Written together() const;

  RankContext& context_;
  RankClock& clock_;
  std::unique_ptr<Communicator> group_, peers_;  // how many rows go to whom: not part of the Program
  std::map<std::pair<std::int32_t, std::size_t>, RoutedRows> routed_;  // of each micro-batch and unit
  std::int64_t drawn_ = 0, promised_ = 0;
};

}  // namespace forerun

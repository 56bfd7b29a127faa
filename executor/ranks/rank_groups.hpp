// Whom a rank talks to: a communicator for each group and lane that the Program names, and for its neighbours in the
// pipeline.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "executor/ranks/rank_context.hpp"

namespace forerun {

// The stages before and after, for messages of one direction.
struct Neighbours {
  std::unique_ptr<Communicator> among;
  int lane = 0;  // of the backend: messages of its own wait for none of the others
  std::optional<Mark> sent;  // what was sent last has left its buffer
  Allocation buffer;
};

class RankGroups {
 public:
  // All ranks make theirs at the same time.
  explicit RankGroups(RankContext&);

  [[nodiscard]] Communicator& group(GroupKind kind, Lane lane) { return *groups_.at({kind, lane}); }
  // By the chunk that receives, and whether a later stage does: of an interleaved pipeline the last stage's messages to
  // the first go round behind none of the others.
  [[nodiscard]] Neighbours& neighbours(Lane lane, int chunk, bool to_later) {
    return neighbours_.at({lane, chunk, to_later});
  }
  void forget_marks();  // they are of one step

 private:
  void make_groups(RankContext&);
  void make_neighbours(RankContext&);

  std::map<std::pair<GroupKind, Lane>, std::unique_ptr<Communicator>> groups_;
  std::map<std::tuple<Lane, int, bool>, Neighbours> neighbours_;
};

}  // namespace forerun

// Ranks as threads of this process, which talk through shared memory.
//
// Nobody waits for ever: when a rank throws, or has ended, or when all wait for what none of them sends, those that
// wait throw CommunicationError.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "runtime/communication/communicator.hpp"

namespace forerun {

// The first rank that threw, and what. what(): "rank 2: what it said"; a CommunicationError names its rank itself.
class RankFailure : public std::runtime_error {
 public:
  RankFailure(int who, const std::string& said) : std::runtime_error(said), rank(who) {}

  int rank;
};

// Runs `work` on each of `ranks` threads, and returns when all have ended. Throws RankFailure when one of them threw.
void run_ranks(int ranks, const std::function<void(Communicator&)>& work);

}  // namespace forerun

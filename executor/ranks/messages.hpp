// What a rank says to others, and when it waits for what they say: sends, receives and the Program's communication
// operations, by the tokens that its waits name.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "executor/ranks/lane_worker.hpp"
#include "executor/ranks/rank_clock.hpp"
#include "executor/ranks/rank_groups.hpp"
#include "executor/ranks/rank_numbers.hpp"

namespace forerun {

class Messages {
 public:
  // All ranks make theirs at the same time.
  Messages(RankContext&, RankClock&, RankNumbers&);

  void begin_step();
  // The instruction at work.
  void communicate(const Communication&);
  void receive();
  void wait(TokenId);

  [[nodiscard]] const Traffic& traffic() const { return traffic_; }  // sent in this step

 private:
  // What runs beside computation: a thread does it, or a lane has it in line.
  struct Issued {
    Seconds* stops = nullptr;  // the time that computation waits for it
    std::uint64_t number = 0;  // of what the thread does; 0: a lane has it
    std::shared_ptr<RankClock::Timed> work;
  };

  void send(const Communication&);
  void exchange_replicas(const Communication&, Communicator&, Seconds* stops);
  [[nodiscard]] Issued on_a_thread(std::function<void()> work, Seconds* stops);
  // Adds what `work` hands to the communicator to the traffic of a flow.
  void counted(Flow, Communicator&, const std::function<void()>& work);
  [[nodiscard]] Elements elements_of(TensorId);  // in the format of activations

  RankContext& context_;
  RankClock& clock_;
  RankNumbers& numbers_;
  RankGroups groups_;
  Allocation buffers_;  // of sends: a forward message's, then a backward one's
  std::map<TokenId, Issued> issued_;
  std::mutex traffic_mutex_;
  Traffic traffic_;
  std::unique_ptr<LaneWorker> replicas_talk_;  // last: what it is given uses all of the above
};

}  // namespace forerun

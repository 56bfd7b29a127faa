// Does any mixture of scheduling and taking give what a sorted list would?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/event_queue.hpp"

namespace forerun {
namespace {

// A number schedules an event (few times, many ties); a multiple of three takes the first event instead.
RC_GTEST_PROP(EventQueue, IsASortedList, (const std::vector<unsigned>& steps)) {
  EventQueue queue;
  std::vector<Event> list;
  for (const unsigned step : steps) {
    const auto first = std::ranges::min_element(list, {}, key);
    if (step % 3 == 0 && first != list.end()) {
      RC_ASSERT(queue.top().at == first->at);
      RC_ASSERT(queue.top().order == first->order);
      RC_ASSERT(queue.top().task == first->task);
      queue.pop();
      list.erase(first);
    } else {
      const Tick at = step / 3 % 16;
      list.push_back({.at = at, .order = queue.push(at, TaskId{step}), .task = TaskId{step}});
    }
    RC_ASSERT(queue.size() == list.size());
  }
}

}  // namespace
}  // namespace forerun

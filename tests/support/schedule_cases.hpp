// Random numbers and pass times for properties of schedules: whole ticks, so that sums are exact.
#pragma once

#include "strategies/schedules/pipeline_time.hpp"
#include "tests/support/cases.hpp"

namespace forerun::test {

inline PassTimes some_times(int stages, int chunks, int least = 0) {
  PassTimes t;
  t.assign(stages, chunks);
  for (std::size_t i = 0; i < t.forward.size(); ++i) {
    t.forward[i] = Seconds{static_cast<double>(any(least, 40))};
    t.input_gradient[i] = Seconds{static_cast<double>(any(least, 40))};
    t.weight_gradient[i] = Seconds{static_cast<double>(any(least, 40))};
    t.backward[i] = t.input_gradient[i] + t.weight_gradient[i];
  }
  return t;
}

// Below `below`: the same between all stages, or not.
inline void draw_links(PassTimes& t, int below) {
  t.link_all(Seconds{static_cast<double>(any(0, below))});
  if (any(0, 2) == 0) return;
  for (Seconds& link : t.links) link = Seconds{static_cast<double>(any(0, below))};
}

}  // namespace forerun::test

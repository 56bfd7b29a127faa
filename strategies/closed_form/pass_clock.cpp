#include "strategies/closed_form/pass_clock.hpp"

#include <algorithm>
#include <cassert>

namespace forerun {
namespace {

Delay& delay(PassPrice& price, const Communication& c) {
  return price.delay[static_cast<std::size_t>(dimension_of(c.flow))];
}

}  // namespace

bool PassClock::heads_its_lane(std::size_t i) const {
  for (std::size_t before = 0; before < i; ++before) {
    if (going_[before].lane == going_[i].lane && going_[before].left > Seconds{0})
      return false;  // what is left of it after that waits for its wait
  }
  return true;
}

int PassClock::running() const {
  int n = 0;
  for (std::size_t i = 0; i < going_.size(); ++i) n += going_[i].left > Seconds{0} && heads_its_lane(i) ? 1 : 0;
  return n;
}

// `time` goes by while collectives run at `rate`.
void PassClock::let_pass(Seconds time, double rate) {
  now_ += time;
  for (std::size_t i = going_.size(); i-- > 0;) {  // those behind first: they have not moved up yet
    if (going_[i].left > Seconds{0} && heads_its_lane(i))
      going_[i].left = max(Seconds{0}, going_[i].left - rate * time);
  }
}

void PassClock::compute(const Instruction& in, PassPrice& price) {
  const Computation* c = std::get_if<Computation>(&works_[in.work]);
  Seconds left = prices_[in.work].time;
  (c != nullptr && c->part == Part::recompute ? price.recompute : price.compute) += left;
  while (left > Seconds{0}) {
    const int n = running();
    if (n == 0) return let_pass(left, 1);
    const double rate = 1 / (1 + contention_ * n);
    Seconds until = left / rate;
    for (std::size_t i = 0; i < going_.size(); ++i) {
      if (going_[i].left > Seconds{0} && heads_its_lane(i)) until = min(until, going_[i].left / rate);
    }
    for (std::size_t i = 0; i < going_.size(); ++i) {  // who slows it
      if (going_[i].left > Seconds{0} && heads_its_lane(i))
        delay(price, std::get<Communication>(works_[going_[i].work])).exposed += (1 - rate) * until / n;
    }
    const Seconds done = rate * until;
    let_pass(until, rate);
    left = left - done > Seconds{1e-15} ? left - done : Seconds{0};
  }
}

void PassClock::wait(TokenId token, PassPrice& price) {
  const auto of_token = [&](const Going& g) { return g.token == token; };
  const auto found = std::find_if(going_.begin(), going_.end(), of_token);
  assert(found != going_.end() && "a wait for what was never issued");
  const Communication& c = std::get<Communication>(works_[found->work]);
  const Seconds all = prices_[found->work].time, start = now_;
  while (true) {
    const auto here = std::find_if(going_.begin(), going_.end(), of_token);
    if (here->left == Seconds{0}) break;
    Seconds until = Seconds::infinity();
    for (std::size_t i = 0; i < going_.size(); ++i) {
      if (going_[i].left > Seconds{0} && heads_its_lane(i)) until = min(until, going_[i].left);
    }
    let_pass(until, 1);
  }
  let_pass((1 - c.hidden) * all, 1);
  std::erase_if(going_, of_token);
  Delay& d = delay(price, c);
  d.exposed += now_ - start;
  if (c.hidden > 0) d.hidden += max(Seconds{0}, all - (now_ - start));
}

void PassClock::run(const Body& body, PassPrice& price) {
  going_.clear();
  now_ = Seconds{0};
  for (const Instruction& in : body.instructions) {
    if (in.code == Code::wait) {
      wait(in.token, price);
    } else if (in.code == Code::run && in.lane == Lane::compute) {
      compute(in, price);
    } else if (in.code == Code::run) {
      going_.push_back(
          {in.lane, in.token, in.work, std::get<Communication>(works_[in.work]).hidden * prices_[in.work].time});
    }
  }
  assert(going_.empty() && "communication that nobody waits for");
  price.total = now_;
}

}  // namespace forerun

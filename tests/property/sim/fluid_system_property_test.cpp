// Are rates always those of progressive filling, whatever came and went before?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "base/random.hpp"
#include "sim/fluid_system.hpp"

namespace forerun {
namespace {

constexpr int systems = 4000;  // random ones for each property
constexpr double tolerance = 1e-9;

struct Wish {
  std::vector<Demand> demands;
  double cap;
  std::uint32_t count;
};

bool close(double a, double b) { return std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b)); }

// The definition, from scratch: all that still rise go to the lowest cap or level at which a capacity is full, and
// those that meet it stop.
class Filling {
 public:
  Filling(const std::vector<double>& amounts, const std::vector<Wish>& wishes) : amounts_(amounts), wishes_(wishes) {}

  std::vector<double> rates() {
    rate_.assign(wishes_.size(), -1);  // still rising
    while (std::ranges::count(rate_, -1.0) > 0) {
      double next = no_cap;
      for (std::size_t c = 0; c < amounts_.size(); ++c) next = std::min(next, level(c));
      for (std::size_t f = 0; f < wishes_.size(); ++f) next = rate_[f] < 0 ? std::min(next, wishes_[f].cap) : next;
      stop_at(next);
    }
    return rate_;
  }

 private:
  double level(std::size_t capacity) const {
    double left = amounts_[capacity], weight = 0;
    for (std::size_t f = 0; f < wishes_.size(); ++f) {
      const double mine = weight_on(f, capacity);
      left -= rate_[f] < 0 ? 0 : mine * rate_[f];
      weight += rate_[f] < 0 ? mine : 0;
    }
    return weight > 0 ? left / weight : no_cap;
  }

  void stop_at(double next) {
    std::vector<bool> full;
    for (std::size_t c = 0; c < amounts_.size(); ++c) full.push_back(level(c) <= next * (1 + 1e-13));
    for (std::size_t f = 0; f < wishes_.size(); ++f) {
      bool stops = wishes_[f].cap <= next;
      for (const Demand& demand : wishes_[f].demands) stops = stops || full[index(demand.capacity)];
      if (rate_[f] < 0 && stops) rate_[f] = next;
    }
  }

  double weight_on(std::size_t flow, std::size_t capacity) const {
    double weight = 0;
    for (const Demand& demand : wishes_[flow].demands) {
      weight += index(demand.capacity) == capacity ? demand.share * wishes_[flow].count : 0;
    }
    return weight;
  }

  const std::vector<double>& amounts_;
  const std::vector<Wish>& wishes_;
  std::vector<double> rate_;
};

// A random system: amounts, shares and caps are drawn from few round values (many ties) or over three decades, by its
// style.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), round_(below(2) == 0), capped_(below(3)) {
    const std::uint64_t capacities = 1 + below(8);
    for (std::uint64_t c = 0; c < capacities; ++c) amounts_.push_back(quantity());
    for (const double amount : amounts_) fluid_.add(amount);
  }

  std::uint64_t below(std::uint64_t end) { return random_.next() % end; }
  double quantity() {
    return round_ ? static_cast<double>(1 + below(4)) / 2 : std::pow(10.0, 3 * random_.uniform() - 2);
  }

  Wish wish() {
    Wish wish{.demands = {}, .cap = no_cap, .count = below(3) == 0 ? 1 + static_cast<std::uint32_t>(below(4)) : 1};
    for (std::uint32_t c = 0; c < amounts_.size(); ++c) {
      if (below(3) == 0) wish.demands.push_back({.capacity = CapacityId{c}, .share = quantity()});
    }
    if (wish.demands.empty() || below(2) < capped_) wish.cap = capped_ == 2 ? 1 : quantity();
    return wish;
  }

  void start(const Wish& wish) {
    const FlowId id = fluid_.start(wish.demands, wish.cap, wish.count);
    ids_.push_back(id);
    wishes_.push_back(wish);
  }

  void stop(std::size_t i) {
    fluid_.stop(ids_[i]);
    known_.erase(ids_[i]);
    ids_.erase(ids_.begin() + static_cast<std::ptrdiff_t>(i));
    wishes_.erase(wishes_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  // Some starts and stops; more starts while there are few flows.
  void change() {
    for (std::uint64_t n = below(4) == 0 ? 1 + below(6) : 1; n > 0; --n) {
      if (below(16) >= wishes_.size()) {
        start(wish());
      } else {
        stop(below(wishes_.size()));
      }
    }
  }

  void change_often() {
    for (int step = 0; step < 24; ++step) {
      change();
      if (below(2) == 0) rates();
    }
  }

  // The rates in the order of wishes(), as somebody knows them who only reads what is reported as changed.
  std::vector<double> rates() {
    for (const FlowId id : fluid_.changed()) {
      const auto [known, is_new] = known_.try_emplace(id, fluid_.rate(id));
      RC_ASSERT(is_new || known->second != fluid_.rate(id));
      known->second = fluid_.rate(id);
    }
    RC_ASSERT(known_.size() == ids_.size());
    std::vector<double> rates;
    for (const FlowId id : ids_) {
      RC_ASSERT(known_.at(id) == fluid_.rate(id));
      rates.push_back(known_.at(id));
    }
    return rates;
  }

  const std::vector<double>& amounts() const { return amounts_; }
  const std::vector<Wish>& wishes() const { return wishes_; }

 private:
  Random random_;
  bool round_;
  std::uint64_t capped_;  // no flow, half of them anywhere, all at 1
  std::vector<double> amounts_;
  FluidSystem fluid_;
  std::vector<FlowId> ids_;
  std::vector<Wish> wishes_;
  std::map<FlowId, double> known_;
};

std::vector<double> used(const World& world, const std::vector<double>& rates) {
  std::vector<double> used(world.amounts().size(), 0.0);
  for (std::size_t f = 0; f < rates.size(); ++f) {
    for (const Demand& demand : world.wishes()[f].demands)
      used[index(demand.capacity)] += demand.share * world.wishes()[f].count * rates[f];
  }
  return used;
}

template <class Property>
void for_random_worlds(Property&& property) {
  const auto seed = *rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>()));
  Random random(seed);
  for (int i = 0; i < systems / 100; ++i) property(random.next());  // RapidCheck runs it 100 times
}

RC_GTEST_PROP(FluidSystem, RatesAreThoseOfProgressiveFilling, ()) {
  for_random_worlds([](std::uint64_t seed) {
    World world(seed);
    for (int step = 0; step < 24; ++step) {
      world.change();
      const std::vector<double> rates = world.rates(), expected = Filling(world.amounts(), world.wishes()).rates();
      for (std::size_t f = 0; f < rates.size(); ++f) RC_ASSERT(close(rates[f], expected[f]));
    }
  });
}

RC_GTEST_PROP(FluidSystem, NobodyTakesMoreThanThereIs, ()) {
  for_random_worlds([](std::uint64_t seed) {
    World world(seed);
    world.change_often();
    const std::vector<double> sums = used(world, world.rates());
    for (std::size_t c = 0; c < sums.size(); ++c) RC_ASSERT(sums[c] <= world.amounts()[c] * (1 + tolerance));
  });
}

// The bottleneck property, which only the max-min fair rates have.
RC_GTEST_PROP(FluidSystem, EveryFlowIsAtItsCapOrFastestOnAFullCapacity, ()) {
  for_random_worlds([](std::uint64_t seed) {
    World world(seed);
    world.change_often();
    const std::vector<double> rates = world.rates(), sums = used(world, rates);
    std::vector<double> fastest(sums.size(), 0.0);
    for (std::size_t f = 0; f < rates.size(); ++f) {
      for (const Demand& demand : world.wishes()[f].demands) {
        fastest[index(demand.capacity)] = std::max(fastest[index(demand.capacity)], rates[f]);
      }
    }
    for (std::size_t f = 0; f < rates.size(); ++f) {
      const auto stops = [&](const Demand& demand) {
        const std::size_t c = index(demand.capacity);
        return close(sums[c], world.amounts()[c]) && close(rates[f], fastest[c]);
      };
      RC_ASSERT(rates[f] <= world.wishes()[f].cap);
      RC_ASSERT(close(rates[f], world.wishes()[f].cap) || std::ranges::any_of(world.wishes()[f].demands, stops));
    }
  });
}

RC_GTEST_PROP(FluidSystem, OrderOfStartingDoesNotMatter, ()) {
  for_random_worlds([](std::uint64_t seed) {
    World forwards(seed), backwards(seed);
    std::vector<Wish> wishes;
    for (int f = 0; f < 12; ++f) wishes.push_back(forwards.wish());
    for (std::size_t f = 0; f < wishes.size(); ++f) {
      forwards.start(wishes[f]);
      forwards.rates();  // one by one
      backwards.start(wishes[wishes.size() - 1 - f]);
    }
    const std::vector<double> a = forwards.rates(), b = backwards.rates();
    for (std::size_t f = 0; f < a.size(); ++f) RC_ASSERT(close(a[f], b[a.size() - 1 - f]));
  });
}

RC_GTEST_PROP(FluidSystem, TwiceTheCapacityIsTwiceTheRateWithoutCaps, ()) {
  for_random_worlds([](std::uint64_t seed) {
    World world(seed);
    FluidSystem once, twice;
    for (const double amount : world.amounts()) once.add(amount), twice.add(2 * amount);
    std::vector<FlowId> flows;
    for (int f = 0; f < 12; ++f) {
      const Wish wish = world.wish();
      if (wish.demands.empty()) continue;
      flows.push_back(once.start(wish.demands, no_cap, wish.count));
      RC_ASSERT(twice.start(wish.demands, no_cap, wish.count) == flows.back());
    }
    once.changed(), twice.changed();
    for (const FlowId flow : flows) RC_ASSERT(close(twice.rate(flow), 2 * once.rate(flow)));
  });
}

RC_GTEST_PROP(FluidSystem, ManyMembersAreAsManyFlows, ()) {
  for_random_worlds([](std::uint64_t seed) {
    World world(seed);
    FluidSystem classes, members;
    for (const double amount : world.amounts()) classes.add(amount), members.add(amount);
    std::vector<FlowId> of_class, of_member;
    for (int f = 0; f < 6; ++f) {
      const Wish wish = world.wish();
      of_class.push_back(classes.start(wish.demands, wish.cap, wish.count));
      for (std::uint32_t i = 0; i < wish.count; ++i) of_member.push_back(members.start(wish.demands, wish.cap));
      of_class.resize(of_member.size(), of_class.back());
    }
    classes.changed(), members.changed();
    for (std::size_t f = 0; f < of_class.size(); ++f)
      RC_ASSERT(close(classes.rate(of_class[f]), members.rate(of_member[f])));
  });
}

}  // namespace
}  // namespace forerun

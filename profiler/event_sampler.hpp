// A sampler over any backend, by marks in its line of work: what suits a device that works beside the host. The CPU,
// which has done what a call asks for when it returns, is one as well; tests use it.
//
// A run is a batch: launches in line between two marks, as many as make the marks' resolution small. Each launch takes
// the next set of operands, of as many as fill `pool` (4 times the last cache: none of them is in it when its turn
// comes again), where that many launches are ever in a batch; where not, the pool is written over before each batch.
// The batch is put in line behind such writing, which lasts until the host is done with it: a GPU that waits for the
// host would measure the host. What is read is N(0, 1), never zeros, which draw less power and run faster.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiler/sampler.hpp"
#include "runtime/backend.hpp"
#include "runtime/machine/kernel_activity.hpp"
#include "runtime/machine/nvml.hpp"

namespace forerun {

struct EventOptions {
  Bytes pool;
  std::uint64_t seed = 1;
  Seconds batch{400e-6},
      longest{0.02};  // a batch is at least the one; where `fewest` launches are longer than the other, there are fewer
  std::size_t fewest = 20, most = 400;  // launches
  Seconds hot{0.2};  // large products run so long before they are timed: clocks fall as the chip warms
  Flops hot_from{1e11};
};

// Launches of a kernel that takes so long.
std::size_t launches_of(Seconds one, const EventOptions&);

// Who watches the device meanwhile; empty where nobody can.
struct Witness {
  std::function<GpuReading()> read;
  std::function<std::vector<KernelRecord>(const std::function<void()>&)> trace;
  Hertz most_clock;  // 0: not known
};

// "sm_clock=1755;power=640;throttle=0x4;power_limited": means of what there is, the union of the reasons; limited:
// below 97 % of the maximum.
std::string notes_of(const std::vector<GpuReading>&, Hertz most_clock);
// "kernel=NAME;kernels=2;cupti_us=12.3", of the kernels that `launches` of a case were: NAME takes longest.
std::string notes_of(const std::vector<KernelRecord>&, std::size_t launches);

struct LaunchCosts {  // of a kernel that does next to nothing
  Seconds in_line;  // each of many in line: the device's floor
  Seconds by_host;  // what the host takes to put one in line
  Seconds alone;  // from the host's call until the host knows that it is done, with nothing else in line
};

class EventSampler final : public Sampler {
 public:
  EventSampler(std::unique_ptr<Backend>, const EventOptions&, Witness = {});
  ~EventSampler() override;

  [[nodiscard]] std::string library() const override { return "forerun"; }
  [[nodiscard]] int ranks() const override { return 1; }
  std::unique_ptr<PreparedCase> prepare(const KernelCase&, int rank) override;
  [[nodiscard]] std::vector<std::string> remarks() const override;

  [[nodiscard]] std::optional<Hertz> mean_clock() const;  // of all readings until now

  LaunchCosts launch_costs();
  // How many times as long `timed` takes while `other` runs on another lane all the time.
  double slowdown(const KernelCase& timed, const KernelCase& other);

  struct State;  // for the source

 private:
  std::unique_ptr<State> state_;
};

}  // namespace forerun

// What is profiled, and what came of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "profiler/machine.hpp"
#include "profiler/measure.hpp"
#include "profiler/sweep.hpp"

namespace forerun {

struct ProfileOptions {
  std::string stem = "local";
  bool quick = false, resume = false;
  std::vector<DType> dtypes{DType::fp32};
  std::uint64_t seed = 1;
  // Tests make these small.
  SweepSize sweep;
  SweepRange range;
  Effort effort;
  // Passes over the cases of a part of the sweep, each with a share of the effort. A case's time is their median, which
  // one busy second does not move.
  int passes = 1;
  KernelCase reference = product_case(DType::fp32, 512, 512, 512);  // timed again and again through the sweep
  Bytes largest_message{16.0 * (1 << 20)};
  // The command that starts this profile's collectives as processes, and whose stderr is read; empty: none.
  std::string started_by_mpi;
};

// The usual sizes, quick or not.
ProfileOptions sized(ProfileOptions);

struct Overlap {  // of products in one thread beside copies in another
  double product_slowdown = 1, copy_slowdown = 1;
};

struct ProfileResult {
  Machine machine;
  MeasuredMachine measured;
  std::optional<Overlap> overlap;  // nothing: one core
  std::size_t kernels = 0, collectives = 0, kept = 0;  // rows; kept: of an earlier run
  double drift = 0;  // largest, of the reference product over its first time, less 1
  std::vector<std::string> remarks;  // what a person should know: throttling, an mpirun that failed
};

using ProfileProgress = std::function<void(double share, const std::string& what)>;

struct ProfilePaths {
  std::string device, cluster, samples, collectives;
};
ProfilePaths paths_of(const std::string& stem);
std::string file_name(const std::string& path);  // without its folder, as files beside it name it

}  // namespace forerun

// What a sweep measures, and who can run it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "workloads/operators/kernels.hpp"

namespace forerun {

// One shape of one operation. The kernel is what a plan's operators say of it (and the fit sees); the rest is what
// running it needs beyond that.
struct KernelCase {
  std::string operation;  // "linear_forward", "rms_norm_backward", ...
  DType dtype = DType::fp32;
  Kernel kernel;
  std::int64_t rows = 0, width = 0;  // of streaming operations; an optimizer's width is 1
  std::int64_t table = 0;            // rows of an embedding

  bool operator==(const KernelCase&) const = default;
};

// A case with its operands in memory. Each run takes others, until those that the first took have left the caches.
class PreparedCase {
 public:
  PreparedCase() = default;
  virtual ~PreparedCase() = default;
  PreparedCase(const PreparedCase&) = delete;
  PreparedCase& operator=(const PreparedCase&) = delete;
  virtual Seconds run() = 0;  // how long it took, by the clock that suits the device
  virtual std::string notes() { return ""; }  // after the runs, for the row: "key=value;key=value"
};

class Sampler {
 public:
  Sampler() = default;
  virtual ~Sampler() = default;
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  [[nodiscard]] virtual std::string library() const = 0;  // whose kernels, as rows say
  [[nodiscard]] virtual int ranks() const = 0;            // that share the device's memory, and run at once
  // Called once for a rank and case, by the thread that then runs it; `rank` below ranks().
  virtual std::unique_ptr<PreparedCase> prepare(const KernelCase&, int rank) = 0;
  [[nodiscard]] virtual std::vector<std::string> remarks() const {
    return {};
  }  // what a person should know of the samples
};

}  // namespace forerun

// The kernels that a GPU ran, one by one, by CUPTI's Activity API: a second clock beside the events. Needs no header of
// CUDA.
//
// libcupti is looked for when first needed and then stays: CUPTI takes no callback back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantity.hpp"

namespace forerun {

struct KernelRecord {
  std::string name;  // short_kernel_name
  Seconds duration;
  int registers = 0;  // a thread
  std::int64_t shared_memory = 0;  // bytes a block
};

class KernelActivity {
 public:
  // Throws std::runtime_error (NoLibrary): what is missing.
  KernelActivity();

  // In the order in which they began. `work` returns when the GPU has done it. One at a time in a process. Throws
  // std::runtime_error.
  [[nodiscard]] std::vector<KernelRecord> during(const std::function<void()>& work) const;
};

// Whether this user may read hardware counters (Range Profiling), or why not, as a remark. Of the context in use.
std::string counters_remark();

// "void forerun::cuda::for_each_team<forerun::cuda::RmsNorm<float, 4> >(...)", mangled or not, becomes
// "for_each_team<RmsNorm<float|4>>": fit for a CSV's cell, at most 80 letters.
std::string short_kernel_name(std::string_view);

}  // namespace forerun

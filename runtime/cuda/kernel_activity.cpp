#include "runtime/machine/kernel_activity.hpp"

#if __has_include(<cupti.h>)
#include <cupti.h>
#include <cupti_profiler_target.h>
#include <cupti_range_profiler.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "runtime/machine/shared_library.hpp"

namespace forerun {

#if __has_include(<cupti.h>)

namespace {

struct Cupti {
  SharedLibrary file{
      {"libcupti.so.13", "/usr/local/cuda/lib64/libcupti.so.13", "/usr/local/cuda/extras/CUPTI/lib64/libcupti.so.13"}};
  decltype(&cuptiGetResultString) text = file.function<decltype(text)>("cuptiGetResultString");
  decltype(&cuptiActivityRegisterCallbacks) call_back =
      file.function<decltype(call_back)>("cuptiActivityRegisterCallbacks");
  decltype(&cuptiActivityEnable) enable = file.function<decltype(enable)>("cuptiActivityEnable");
  decltype(&cuptiActivityDisable) disable = file.function<decltype(disable)>("cuptiActivityDisable");
  decltype(&cuptiActivityFlushAll) flush = file.function<decltype(flush)>("cuptiActivityFlushAll");
  decltype(&cuptiActivityGetNextRecord) next = file.function<decltype(next)>("cuptiActivityGetNextRecord");

  void check(CUptiResult result, const char* what) const {
    if (result == CUPTI_SUCCESS) return;
    const char* why = nullptr;
    text(result, &why);
    throw std::runtime_error(std::string(what) + ": " +
                             (why == nullptr ? "error " + std::to_string(static_cast<int>(result)) : why));
  }
};

struct Found {
  std::uint64_t start = 0;
  KernelRecord record;
};

// CUPTI hands its callbacks no argument of ours, and calls them on a thread of its own: what they fill cannot be a
// member.
struct Collected {
  std::mutex mutex;
  std::vector<Found> found;
};
Collected& collected() {
  static Collected all;
  return all;
}

// Never unloaded: see the header.
const Cupti& cupti();

void CUPTIAPI give_buffer(std::uint8_t** buffer, std::size_t* size, std::size_t* most_records) {
  constexpr std::size_t bytes = 1 << 20, alignment = 8;
  *buffer = static_cast<std::uint8_t*>(std::aligned_alloc(alignment, bytes));
  *size = *buffer == nullptr ? 0 : bytes;
  *most_records = 0;  // as many as fit
}

void CUPTIAPI take_buffer(CUcontext /*context*/, std::uint32_t /*stream*/, std::uint8_t* buffer, std::size_t /*size*/,
                          std::size_t valid) {
  const std::scoped_lock lock(collected().mutex);
  CUpti_Activity* record = nullptr;
  while (valid > 0 && cupti().next(buffer, valid, &record) == CUPTI_SUCCESS) {
    if (record->kind != CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) continue;
    const auto* kernel = reinterpret_cast<const CUpti_ActivityKernel10*>(record);
    collected().found.push_back(
        {kernel->start,
         {.name = short_kernel_name(kernel->name == nullptr ? "" : kernel->name),
          .duration = Seconds{1e-9 * static_cast<double>(kernel->end - kernel->start)},
          .registers = kernel->registersPerThread,
          .shared_memory = std::int64_t{kernel->staticSharedMemory} + kernel->dynamicSharedMemory}});
  }
  std::free(buffer);
}

const Cupti& cupti() {
  static const Cupti* const library = [] {
    auto made = std::make_unique<Cupti>();
    made->check(made->call_back(give_buffer, take_buffer), "cuptiActivityRegisterCallbacks");
    return made.release();
  }();
  return *library;
}

}  // namespace

KernelActivity::KernelActivity() { static_cast<void>(cupti()); }

std::vector<KernelRecord> KernelActivity::during(const std::function<void()>& work) const {
  const Cupti& api = cupti();
  {
    const std::scoped_lock lock(collected().mutex);
    collected().found.clear();
  }
  api.check(api.enable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL), "cuptiActivityEnable");
  try {
    work();
  } catch (...) {
    api.disable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
    throw;
  }
  api.check(api.flush(0), "cuptiActivityFlushAll");
  api.check(api.disable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL), "cuptiActivityDisable");
  const std::scoped_lock lock(collected().mutex);
  std::vector<Found> found = std::move(collected().found);
  std::ranges::stable_sort(found, {}, &Found::start);
  std::vector<KernelRecord> records;
  for (Found& one : found) records.push_back(std::move(one.record));
  return records;
}

std::string counters_remark() {
  try {
    const Cupti& api = cupti();
    CUpti_Profiler_Initialize_Params start{CUpti_Profiler_Initialize_Params_STRUCT_SIZE};
    api.check(api.file.function<decltype(&cuptiProfilerInitialize)>("cuptiProfilerInitialize")(&start),
              "cuptiProfilerInitialize");
    CUpti_RangeProfiler_Enable_Params enable{CUpti_RangeProfiler_Enable_Params_STRUCT_SIZE};
    const SharedLibrary driver{{"libcuda.so.1"}};
    if (driver.function<decltype(&cuCtxGetCurrent)>("cuCtxGetCurrent")(&enable.ctx) != CUDA_SUCCESS)
      throw std::runtime_error("no context is in use");
    api.check(api.file.function<decltype(&cuptiRangeProfilerEnable)>("cuptiRangeProfilerEnable")(&enable),
              "cuptiRangeProfilerEnable");
    CUpti_RangeProfiler_Disable_Params disable{CUpti_RangeProfiler_Disable_Params_STRUCT_SIZE};
    disable.pRangeProfilerObject = enable.pRangeProfilerObject;
    api.check(api.file.function<decltype(&cuptiRangeProfilerDisable)>("cuptiRangeProfilerDisable")(&disable),
              "cuptiRangeProfilerDisable");
    return "hardware counters may be read here (nothing uses them yet)";
  } catch (const std::runtime_error& error) {
    return std::string("hardware counters may not be read here: ") + error.what();
  }
}

#else

namespace {
constexpr const char* missing = "this forerun was built without CUPTI's headers";
}

KernelActivity::KernelActivity() { throw NoLibrary(missing); }
std::vector<KernelRecord> KernelActivity::during(const std::function<void()>& /*work*/) const {
  throw NoLibrary(missing);
}
std::string counters_remark() { return missing; }

#endif

}  // namespace forerun

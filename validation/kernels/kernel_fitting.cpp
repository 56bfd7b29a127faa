#include "validation/kernels/kernel_fitting.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "hardware/catalog.hpp"

namespace forerun {
namespace {

struct Group {
  std::vector<KernelSample> samples;
  std::set<std::string> sources;
};

// Device, kind, format of products and attention (16-bit formats are one for `any`), library.
using Key = std::tuple<std::string, KernelKind, DType, bool, std::string>;

DType shared_format(DType dtype) { return dtype == DType::fp16 ? DType::bf16 : dtype; }

std::string list(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::map<Key, Group> groups_of(const KernelRows& rows) {
  std::map<std::string, std::string> names;  // of devices, by what the file calls them
  std::map<Key, Group> groups;
  std::map<Key, std::set<std::string>> libraries;
  for (const KernelRow& row : rows.rows) {
    auto [name, fresh] = names.try_emplace(row.gpu);
    if (fresh) name->second = find_device(row.gpu)->name;
    const Key own{name->second, kind_of(row.kernel), row.dtype, false, row.library};
    const Key all{name->second, kind_of(row.kernel), shared_format(row.dtype), true, std::string(any_library)};
    groups[own].samples.push_back({row.kernel, row.time, row.group});
    groups[own].sources.insert(row.source);
    groups[all].samples.push_back({row.kernel, row.time, row.library});
    groups[all].sources.insert(row.source);
    libraries[all].insert(row.library);
  }
  for (const auto& [key, names_of_libraries] : libraries) {
    if (names_of_libraries.size() < 2) groups.erase(key);
  }
  return groups;
}

}  // namespace

KernelFitting fit_rows(const KernelRows& rows, const std::string& date, const FittingProgress& progress) {
  const std::map<Key, Group> groups = groups_of(rows);
  std::map<std::string, KernelCalibration> devices;
  std::map<std::string, Device> known;  // by name: a device of one's own is in a file, not in the catalogue
  std::set<std::string> seen;
  for (const KernelRow& row : rows.rows) {
    if (!seen.insert(row.gpu).second) continue;
    const Device device = *find_device(row.gpu);  // the reader has checked it
    known.emplace(device.name, device);
  }
  KernelFitting fitting;
  std::size_t done = 0;
  for (const auto& [key, group] : groups) {
    const auto& [device, kind, dtype, all, library] = key;
    if (group.samples.size() < fewest_samples) {
      fitting.too_few.push_back(fmt::format("{} {} {} {} ({} rows)", device, to_string(dtype), to_string(kind), library,
                                            group.samples.size()));
    } else {
      KernelFit fit = fit_kernels(known.at(device), group.samples);
      fit.dtype = dtype, fit.library = library, fit.source = list(group.sources), fit.date = date;
      if (all) fit.measured.reset();  // samples are of a library's kernels
      devices[device].fits.push_back(std::move(fit));
    }
    if (progress) progress(++done, groups.size());
  }
  for (auto& [device, calibration] : devices) {
    calibration.device = device;
    fitting.devices.push_back(std::move(calibration));
  }
  return fitting;
}

}  // namespace forerun

#include "costmodel/kernels/kernel_calibration.hpp"

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstdint>
#include <cstdlib>
#include <map>

#include "base/files/embedded.hpp"
#include "base/files/yaml.hpp"

namespace forerun {
namespace {

// "0.24.1" and what follows it as 0'024'001, so that versions can be told apart by how far they are; parts that are
// missing are 0.
std::int64_t version_of(std::string_view text) {
  constexpr std::int64_t parts[] = {1'000'000, 1'000, 1};
  std::int64_t version = 0;
  for (const std::int64_t weight : parts) {
    int number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) break;
    version += weight * std::clamp(number, 0, weight == parts[0] ? 1'000'000 : 999);
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  return version;
}

// "vllm-0.24.0/flash_attn_fa3": a software, its version, the kernel that it called.
struct LibraryName {
  std::string_view software, kernel;
  std::int64_t version = 0;
  explicit LibraryName(std::string_view name)
      : software(name.substr(0, name.find_first_of("-/"))),
        kernel(name.find('/') == name.npos ? std::string_view() : name.substr(name.find('/') + 1)) {
    if (name.substr(software.size()).starts_with('-')) version = version_of(name.substr(software.size() + 1));
  }
};

std::size_t common_start(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  while (n < std::min(a.size(), b.size()) && a[n] == b[n]) ++n;
  return n;
}

// Larger is nearer: first what the two have in common, then how little their versions differ, then how alike their
// names are.
enum class Common { nothing, all_together, software, kernel, everything };
struct Nearness {
  Common common = Common::nothing;
  std::int64_t minus_apart = 0;
  std::size_t alike = 0;
  auto operator<=>(const Nearness&) const = default;
};

Nearness nearness(const KernelFit& fit, std::string_view library) {
  if (fit.library == library) return {Common::everything, 0, 0};
  if (fit.library == any_library) return {Common::all_together, 0, 0};
  const LibraryName own(fit.library), wanted(library);
  const bool streaming = fit.kind >= KernelKind::norm;  // there the name says which operation
  if (streaming || own.software != wanted.software) return {};
  return {own.kernel == wanted.kernel ? Common::kernel : Common::software, -std::abs(own.version - wanted.version),
          common_start(fit.library, library)};
}

bool sixteen_bits(DType d) { return d == DType::bf16 || d == DType::fp16; }

// Attention in fp8 is priced as in 16 bits; streaming kernels say bytes.
bool same_format(KernelKind kind, DType fitted, DType wanted) {
  return kind != KernelKind::gemm || fitted == wanted || (sixteen_bits(fitted) && sixteen_bits(wanted));
}

std::map<std::string, KernelCalibration> shipped() {
  std::map<std::string, KernelCalibration> all;
  for (const EmbeddedFile& file : embedded_costmodel()) {
    if (!file.path.starts_with("costmodel/data/devices/")) continue;
    Result<YamlDocument> document = YamlDocument::parse(std::string(file.text), std::string(file.path));
    if (!document) continue;  // a test reads every file
    KernelCalibration calibration = read_kernel_calibration(document->root());
    if (document->problems().empty()) all.emplace(calibration.device, std::move(calibration));
  }
  return all;
}

}  // namespace

const KernelCalibration* find_kernel_calibration(const std::string& device) {
  static const std::map<std::string, KernelCalibration> all = shipped();
  const auto found = all.find(device);
  return found == all.end() ? nullptr : &found->second;
}

KernelCalibration merged(const KernelCalibration& below, const KernelCalibration& over) {
  KernelCalibration all = over;
  for (const KernelFit& fit : below.fits) {
    const bool replaced = std::any_of(over.fits.begin(), over.fits.end(), [&](const KernelFit& o) {
      return o.kind == fit.kind && same_format(o.kind, o.dtype, fit.dtype);
    });
    if (!replaced) all.fits.push_back(fit);
  }
  return all;
}

const KernelFit* choose_fit(const KernelCalibration& calibration, KernelKind kind, DType dtype,
                            std::string_view library) {
  const KernelFit* best = nullptr;
  Nearness best_nearness;
  const auto alike = [dtype](const KernelFit& fit) {
    return fit.dtype == dtype ? 2 : sixteen_bits(fit.dtype) && sixteen_bits(dtype) ? 1 : 0;
  };
  for (const KernelFit& fit : calibration.fits) {
    if (fit.kind != kind || !same_format(kind, fit.dtype, dtype)) continue;
    const Nearness near = nearness(fit, library);
    if (best == nullptr || near > best_nearness || (near == best_nearness && alike(fit) > alike(*best)))
      best = &fit, best_nearness = near;
  }
  return best;
}

}  // namespace forerun

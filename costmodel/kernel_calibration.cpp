#include "costmodel/kernel_calibration.hpp"

#include <algorithm>
#include <map>

#include "base/embedded.hpp"
#include "base/yaml.hpp"

namespace forerun {
namespace {

// "vllm-0.24.0/flash_attn_fa3": a software, its version, the kernel that it called.
struct LibraryName {
  std::string_view software, kernel;
  explicit LibraryName(std::string_view name)
      : software(name.substr(0, name.find_first_of("-/"))), kernel(name.find('/') == name.npos ? std::string_view() : name.substr(name.find('/') + 1)) {}
};

std::size_t common_start(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  while (n < std::min(a.size(), b.size()) && a[n] == b[n]) ++n;
  return n;
}

// Larger is nearer; the parts count in the order: very library, software and kernel, software, all together.
int nearness(const KernelFit& fit, std::string_view library) {
  constexpr int exact = 40'000, same_kernel = 30'000, same_software = 20'000, all = 10'000;
  if (fit.library == library) return exact;
  if (fit.library == any_library) return all;
  const LibraryName own(fit.library), wanted(library);
  const bool streaming = fit.kind >= KernelKind::norm;  // there the name says which operation
  if (streaming || own.software != wanted.software) return 0;
  return (own.kernel == wanted.kernel ? same_kernel : same_software) + static_cast<int>(common_start(fit.library, library));
}

bool sixteen_bits(DType d) { return d == DType::bf16 || d == DType::fp16; }

// Attention in fp8 is priced as in 16 bits; streaming kernels say bytes.
bool same_format(KernelKind kind, DType fitted, DType wanted) {
  return kind != KernelKind::gemm || fitted == wanted || (sixteen_bits(fitted) && sixteen_bits(wanted));
}

std::map<std::string, KernelCalibration> shipped() {
  std::map<std::string, KernelCalibration> all;
  for (const EmbeddedFile& file : embedded_costmodel()) {
    if (!file.path.starts_with("costmodel/calibrations/devices/")) continue;
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
    const bool replaced = std::any_of(over.fits.begin(), over.fits.end(), [&](const KernelFit& o) { return o.kind == fit.kind && same_format(o.kind, o.dtype, fit.dtype); });
    if (!replaced) all.fits.push_back(fit);
  }
  return all;
}

const KernelFit* choose_fit(const KernelCalibration& calibration, KernelKind kind, DType dtype, std::string_view library) {
  const KernelFit* best = nullptr;
  int best_nearness = -1;
  for (const KernelFit& fit : calibration.fits) {
    if (fit.kind != kind || !same_format(kind, fit.dtype, dtype)) continue;
    const int near = nearness(fit, library);
    if (near > best_nearness) best = &fit, best_nearness = near;
  }
  return best;
}

}  // namespace forerun
